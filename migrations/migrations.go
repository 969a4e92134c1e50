// Package migrations carries the schema of the database: numbered goose SQL
// files, embedded in the binary, applied in order by package store. A file
// that has shipped is never edited; a change is a new file. Everything in the
// schema parses in SQLite 3.40, because operators read the database with
// Debian 12's sqlite3. It imports nothing of this program.
package migrations

import "embed"

// FS holds the migrations at its root, named NNNNN_what_it_does.sql.
//
//go:embed *.sql
var FS embed.FS
