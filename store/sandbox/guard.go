package sandbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// ErrWrites means that a statement would do something other than read. It wraps ErrQuery.
var ErrWrites = fmt.Errorf("%w: it would do more than read", ErrQuery)

// guard allows a connection only to read. A read-only connection is not enough: it can
// still attach and create other files, and a pragma can change the database for others.
type guard struct {
	refused string // the last action that it refused
}

// maxValue is the longest value and the longest row that a query may make, in bytes. The
// memory and time of a function call grow with its argument, and nothing can interrupt it.
const maxValue = 16 << 20

// readingPragmas only read, with any argument.
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

// readablePragmas only read if they have no argument. SQLite reports an empty argument as
// none. That allows some assignments here, but a read-only database refuses them.
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

// install guards a connection until it is closed. Temporary tables and sorts stay in
// memory, so that no query creates a file.
func (g *guard) install(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 1; PRAGMA temp_store = MEMORY"); err != nil {
		return err
	}
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

// authorize decides whether a statement may do an action. SQLite calls it for each action.
func (g *guard) authorize(action sqlite.AuthorizerActionCode, name, argument, _, _ string) sqlite.AuthorizerReturnCode {
	switch action {
	case sqlite.AuthSelect, sqlite.AuthRead, sqlite.AuthRecursive:
		return sqlite.AuthorizerOK
	case sqlite.AuthFunction: // argument is the name of the function
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
		g.refused = "another database" // VACUUM also attaches one
	case sqlite.AuthTransaction, sqlite.AuthSavepoint:
		g.refused = "a transaction"
	default:
		g.refused = "a change"
	}
	return sqlite.AuthorizerDeny
}

// explain turns SQLite's errors about a statement into errors of this package. If the
// statement is at fault, the new error wraps only the text: package store would take an
// error of SQLite for a fault of the database.
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
		return fmt.Errorf("%w: %v", ErrQuery, err)
	case sqlitelib.SQLITE_NOMEM:
		return fmt.Errorf("%w (%w)", ErrMemory, err)
	}
	return err
}
