// Package migrations has the schema of the database: numbered SQL files for goose, which
// package store applies in order. Never edit a file that has shipped; add a new one. The
// whole schema parses in SQLite 3.40, because operators read the database with Debian 12's
// sqlite3. The package imports no other package of the program.
package migrations

import "embed"

// FS holds the migrations at its root, named NNNNN_what_it_does.sql.
//
//go:embed *.sql
var FS embed.FS
