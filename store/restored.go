package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
)

// ourTables are the tables that every version of the schema has, including goose's.
var ourTables = []string{"alerts", "cursors", "gaps", "goose_db_version", "hosts", "passes", "puts", "ship_hours", "ships", "sources"}

// checkRestored accepts a database without an application_id if it was restored from a
// dump of this program's database. A dump has the tables, but neither the application_id
// nor the modes of the file. Otherwise the error is ErrForeign. It names the missing tables
// if there are few.
func checkRestored(ctx context.Context, db *sqlx.DB) error {
	var tables []string
	if err := db.SelectContext(ctx, &tables, "SELECT name FROM sqlite_schema WHERE type = 'table'"); err != nil {
		return err
	}
	var missing []string
	for _, name := range ourTables {
		if !slices.Contains(tables, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case len(missing) > len(ourTables)/2:
		return ErrForeign
	}
	return fmt.Errorf("%w, or was restored from a dump only in part: it has no table %s; restore all of it into a new file", ErrForeign, strings.Join(missing, ", "))
}

// mark sets the application_id of a database that was restored from a dump.
func (s *Store) mark(ctx context.Context) error {
	var id, vacuum int64
	if err := s.conn.GetContext(ctx, &id, "PRAGMA application_id"); err != nil || id != 0 {
		return err
	}
	if err := s.conn.GetContext(ctx, &vacuum, "PRAGMA auto_vacuum"); err != nil {
		return err
	}
	s.migrated.Restored, s.migrated.Grows = true, vacuum == 0
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	return err
}
