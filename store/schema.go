package store

import (
	"context"
	_ "embed"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/jmoiron/sqlx"
)

// schemaSums has the lines that schemaObjects returns after all migrations. A test renews
// it with -update.
//
//go:embed schema.sums
var schemaSums string

// schemaObjects returns a line for each table, index, trigger and view: its kind, its name,
// and a checksum of its SQL.
func schemaObjects(ctx context.Context, db sqlx.QueryerContext) (lines []string, err error) {
	var objects []struct{ Kind, Name, Text string }
	err = sqlx.SelectContext(ctx, db, &objects, `
		SELECT
		  type AS kind,
		  name,
		  tbl_name || ' ' || COALESCE(sql, '') AS text
		FROM sqlite_schema
		WHERE name NOT IN ('goose_db_version', 'sqlite_sequence')
		ORDER BY name`)
	for _, o := range objects {
		sum := fnv.New64a()
		sum.Write([]byte(o.Text))
		lines = append(lines, fmt.Sprintf("%s %s %016x", o.Kind, o.Name, sum.Sum64()))
	}
	return lines, err
}

// checkSchema returns ErrCorrupt unless a database has all objects of the migrations,
// unchanged. SQLite's own checks do not read this SQL. Other objects are allowed.
func checkSchema(ctx context.Context, db sqlx.QueryerContext) error {
	lines, err := schemaObjects(ctx, db)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, line := range lines {
		have[line] = true
	}
	for line := range strings.Lines(schemaSums) {
		if line = strings.TrimSpace(line); !have[line] {
			return fmt.Errorf("%w: the %s is missing, or not as it was made", ErrCorrupt, line[:strings.LastIndexByte(line, ' ')])
		}
	}
	return nil
}
