package store

import (
	"context"
	"database/sql"
)

// namesMigration is the file that migrateNames replaces.
const namesMigration = "00008_names.sql"

// notPlain matches the names that StoredName may change.
const notPlain = " GLOB '*[^a-zA-Z0-9._-]*'"

// migrateNames changes the names of hosts and alerts to their stored form. It reads a
// thousand at a time, because there may be millions.
func migrateNames(ctx context.Context, tx *sql.Tx) error {
	for table, column := range map[string]string{"hosts": "name", "alerts": "host"} {
		// A control character marks the names that are still to be changed, because no
		// stored form has one. Without it, a new form could collide with an old name.
		mark := "UPDATE " + table + " SET " + column + " = char(1) || " + column + " WHERE " + column + notPlain
		if _, err := tx.ExecContext(ctx, mark); err != nil {
			return err
		}
		find := "SELECT id, substr(" + column + ", 2) FROM " + table + " WHERE " + column + " >= char(1) AND " + column + " < char(2) LIMIT 1000"
		update := "UPDATE " + table + " SET " + column + " = ? WHERE id = ?"
		for {
			names, err := namesByID(ctx, tx, find)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				break
			}
			for id, name := range names {
				if _, err := tx.ExecContext(ctx, update, migratedName(name), id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// migratedName returns the stored form of a name that was stored raw. The program's own
// names stay.
func migratedName(name string) string {
	if pseudo(name) {
		return name
	}
	return StoredName(name)
}

func namesByID(ctx context.Context, tx *sql.Tx, query string) (map[int64]string, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[int64]string{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, err
		}
		names[id] = name
	}
	return names, rows.Err()
}
