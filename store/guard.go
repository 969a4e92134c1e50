package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// ErrWrites: a statement would do something else than read; it is an ErrQuery, too.
var ErrWrites = fmt.Errorf("%w: it would do more than read", ErrQuery)

// guard keeps a connection from doing anything but reading. The connection is
// opened read-only besides; but SQLite attaches and makes other files from such
// a one too, and a pragma can change how others find the database.
type guard struct {
	refused string // what it refused last
}

// maxValue is the length in bytes of the longest value and of the longest row
// that a query may make: one call of a function takes memory, and time that
// nothing can end, by the length of what it is given.
const maxValue = 16 << 20

// readingPragmas only read, with whatever argument.
var readingPragmas = map[string]bool{
	"collation_list":   true,
	"compile_options":  true,
	"database_list":    true,
	"foreign_key_list": true,
	"function_list":    true,
	"index_info":       true,
	"index_list":       true,
	"index_xinfo":      true,
	"integrity_check":  true,
	"module_list":      true,
	"pragma_list":      true,
	"quick_check":      true,
	"table_info":       true,
	"table_list":       true,
	"table_xinfo":      true,
}

// readablePragmas read without an argument. One that is empty counts as none,
// and makes of these at most what a database opened read-only refuses.
var readablePragmas = map[string]bool{
	"application_id": true,
	"encoding":       true,
	"freelist_count": true,
	"journal_mode":   true,
	"page_count":     true,
	"page_size":      true,
	"schema_version": true,
	"user_version":   true,
}

// install makes a connection a guarded one, for good.
func (g *guard) install(conn *sql.Conn) error {
	for limit, value := range map[int]int{
		sqlitelib.SQLITE_LIMIT_ATTACHED: 0,
		sqlitelib.SQLITE_LIMIT_LENGTH:   maxValue,
	} {
		if _, err := sqlite.Limit(conn, limit, value); err != nil {
			return err
		}
	}
	return conn.Raw(func(driverConn any) error {
		return driverConn.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(g.authorize)
	})
}

// authorize is asked for each thing that a statement would do.
func (g *guard) authorize(action sqlite.AuthorizerActionCode, name, argument, _, _ string) sqlite.AuthorizerReturnCode {
	switch action {
	case sqlite.AuthSelect, sqlite.AuthRead, sqlite.AuthRecursive:
		return sqlite.AuthorizerOK
	case sqlite.AuthFunction: // its name is the argument
		if !strings.EqualFold(argument, "load_extension") {
			return sqlite.AuthorizerOK
		}
		g.refused = argument + "()"
	case sqlite.AuthPragma:
		pragma := strings.ToLower(name)
		if readingPragmas[pragma] || readablePragmas[pragma] && argument == "" {
			return sqlite.AuthorizerOK
		}
		g.refused = "PRAGMA " + pragma
	case sqlite.AuthAttach, sqlite.AuthDetach:
		g.refused = "another database" // VACUUM makes one, too
	case sqlite.AuthTransaction, sqlite.AuthSavepoint:
		g.refused = "a transaction"
	default:
		g.refused = "a change"
	}
	return sqlite.AuthorizerDeny
}

// explain tells what a statement did wrong, from what SQLite says of it.
func (g *guard) explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	if g.refused != "" {
		return fmt.Errorf("%w: %s is refused", ErrWrites, g.refused)
	}
	switch e.Code() & 0xff {
	case sqlitelib.SQLITE_ERROR, sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_TOOBIG, sqlitelib.SQLITE_MISMATCH, sqlitelib.SQLITE_RANGE:
		return fmt.Errorf("%w: %w", ErrQuery, err)
	case sqlitelib.SQLITE_NOMEM:
		return fmt.Errorf("%w (%w)", ErrMemory, err)
	}
	return wrap(err)
}
