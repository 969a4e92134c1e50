package histories

import (
	"database/sql"
	"fmt"
	"os"
	"strings"

	"github.com/cis490/fleet-health/migrations"
	"github.com/pressly/goose/v3"
)

// upgrade rewrites the database as an older version of the program would have left it: the
// same rows in an older schema. The next pass migrates it.
func (m *machine) upgrade() {
	if !m.hasDatabase() || m.older {
		return
	}
	m.letGo()
	m.older, m.upgraded = true, true
	old := m.dir + "/older.db"
	db, err := sql.Open("sqlite", "file:"+old+"?_pragma=journal_mode(WAL)&_pragma=auto_vacuum(2)")
	m.check(err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.FS)
	m.check(err)
	sources := provider.ListSources()
	version := sources[m.r.Int64N(int64(len(sources)-1))].Version
	_, err = provider.UpTo(m.t.Context(), version)
	m.check(err)
	for _, r := range m.written {
		r.forgotten = r.forgotten || r.isWord() && version < 14
	}
	_, err = db.Exec("ATTACH DATABASE ? AS newer", m.db())
	m.check(err)
	m.noteSaid(texts(m, db, fmt.Sprintf(saidQuery, "newer."))) // those of a killed pass
	tables := "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'"
	if version < 15 { // triggers fill the rollups of days
		tables += " AND name NOT LIKE '%days'"
	}
	for _, table := range texts(m, db, tables) {
		columns := texts(m, db, fmt.Sprintf("SELECT group_concat(name) FROM pragma_table_info('%s')", table))[0]
		from := "newer." + table
		if table == "rejections" && strings.Contains(columns, "message,") {
			from = "(SELECT *, text AS message FROM newer.rejections JOIN newer.messages ON messages.id = message_id)"
		}
		if strings.Contains(columns, "first_day") {
			from = "(SELECT *, last_day AS first_day FROM newer.series)"
		}
		_, err = db.Exec(fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %[2]s FROM %s", table, columns, from))
		m.check(err)
	}
	_, err = db.Exec("DETACH DATABASE newer")
	m.check(err)
	m.check(db.Close())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		m.check(os.RemoveAll(m.db() + suffix))
		if _, err := os.Stat(old + suffix); err == nil {
			m.check(os.Rename(old+suffix, m.db()+suffix))
		}
	}
}

// texts returns the rows of a query with one column.
func texts(m *machine, db *sql.DB, query string) (values []string) {
	rows, err := db.Query(query)
	m.check(err)
	defer rows.Close()
	for rows.Next() {
		var value string
		m.check(rows.Scan(&value))
		values = append(values, value)
	}
	m.check(rows.Err())
	return values
}
