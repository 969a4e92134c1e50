package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/sandbox"
	"github.com/google/go-cmp/cmp"
)

// run runs a text as a query, and returns its columns and rows.
func run(ctx context.Context, path, text string, args map[string]any) (columns []string, rows [][]any, err error) {
	statement, err := sandbox.ParseStatement(text)
	if err != nil {
		return nil, nil, err
	}
	err = sandbox.Query{Statement: statement, Args: args}.Run(ctx, path,
		func(names []string) error { columns = names; return nil },
		func(values []any) error { rows = append(rows, values); return nil })
	return columns, rows, err
}

// filled returns a closed database with a ship and a PUT of one host, and a PUT of another
// that never shipped.
func filled(t *testing.T) (path string) {
	t.Helper()
	const noon = 1777636800 * store.Second // 2026-05-01 12:00 UTC
	path = filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), path, store.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.Source(t.Context(), store.StreamIndex)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(t.Context(), &store.Batch{Source: source, Now: noon, State: "{}",
		Hosts: []string{"a", "never-shipped"}, Series: []store.Series{{Host: "a", Commit: "4f1c"}},
		Ships: []store.Ship{{ReceivedAt: noon - store.Second, LineHash: 1}},
		Puts:  []store.Put{{At: noon - store.Second, CursorHash: 2, Status: 412}, {At: noon, CursorHash: 3, Host: 1, Status: 200}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// snapshot returns every file of a directory with its mode and content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = info.Mode().String() + " " + string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// hostile are statements that would do something other than read. DIR is the directory of
// the database.
var hostile = `
ATTACH 'DIR/new.db' AS x
ATTACH 'file:DIR/new.db?mode=rwc' AS x
ATTACH 'relative-to-the-test.db' AS x
ATTACH ':memory:' AS x
ATTACH '' AS x
DETACH main
VACUUM
VACUUM INTO 'DIR/new.db'
VACUUM main INTO 'file:DIR/new.db?mode=rwc'
CREATE TABLE t (a)
CREATE TEMP TABLE t (a)
CREATE TABLE temp.t AS SELECT * FROM hosts
CREATE VIEW v AS SELECT 1
CREATE TEMP VIEW v AS SELECT 1
CREATE INDEX i ON hosts (last_ship_at)
CREATE TRIGGER t AFTER INSERT ON hosts BEGIN DELETE FROM ships; END
CREATE TEMP TRIGGER t AFTER INSERT ON hosts BEGIN DELETE FROM ships; END
CREATE VIRTUAL TABLE t USING fts5(a)
CREATE VIRTUAL TABLE temp.t USING rtree(id, a, b)
CREATE VIRTUAL TABLE temp.t USING dbstat
DROP TABLE hosts
DROP VIEW ship_log
ALTER TABLE hosts RENAME TO h
ALTER TABLE hosts ADD COLUMN a
INSERT INTO hosts (name, first_seen_at) VALUES ('x', 1)
INSERT OR REPLACE INTO hosts (id, name, first_seen_at) VALUES (1, 'x', 1)
INSERT INTO hosts (id, name, first_seen_at) VALUES (1, 'x', 1) ON CONFLICT DO UPDATE SET name = 'y'
REPLACE INTO hosts (id, name, first_seen_at) VALUES (1, 'x', 1)
UPDATE hosts SET name = 'x'
UPDATE hosts SET name = 'x' RETURNING name
DELETE FROM ships
WITH x AS (SELECT 1) INSERT INTO hosts (name, first_seen_at) SELECT 'x', 1 FROM x
WITH x AS (SELECT 1) DELETE FROM ships WHERE 1 IN x
DELETE FROM sqlite_schema
UPDATE sqlite_schema SET sql = ''
INSERT INTO sqlite_temp_schema VALUES ('table', 't', 't', 0, '')
UPDATE sqlite_dbpage SET data = zeroblob(4096)
REINDEX
ANALYZE
BEGIN
BEGIN EXCLUSIVE
COMMIT
SAVEPOINT s
PRAGMA journal_mode = DELETE
PRAGMA main.journal_mode('delete')
PRAGMA journal_mode = OFF
PRAGMA wal_checkpoint
PRAGMA wal_checkpoint(TRUNCATE)
PRAGMA temp_store = FILE
PRAGMA temp_store_directory = 'DIR'
PRAGMA data_store_directory = 'DIR'
PRAGMA writable_schema = 1
PRAGMA query_only = 0
PRAGMA query_only = ''
PRAGMA user_version = 7
PRAGMA user_version = ''
PRAGMA application_id = ''
PRAGMA schema_version = 9
PRAGMA locking_mode = EXCLUSIVE
PRAGMA auto_vacuum = 0
PRAGMA incremental_vacuum
PRAGMA page_size = 512
PRAGMA encoding = 'UTF-16'
PRAGMA trusted_schema = 1
PRAGMA hard_heap_limit = 1
PRAGMA optimize
PRAGMA mmap_size = 1000000
PRAGMA journal_size_limit = 0
PRAGMA synchronous = OFF
PRAGMA "foreign_keys" = 0
SELECT load_extension('DIR/x.so')
SELECT writefile('DIR/new.db', 'x')
SELECT readfile('/etc/passwd')
SELECT 1; DELETE FROM hosts
SELECT 1; SELECT 2
SELECT 1;;; -- comment
/* comment */ DELETE FROM hosts
;DELETE FROM hosts
EXPLAIN DELETE FROM hosts
EXPLAIN QUERY PLAN DELETE FROM hosts
.shell touch DIR/new.db
SELECT 'unended
-- no statement
;
`

// TestAQueryChangesNothing shows that each hostile statement is refused, and that no byte in
// the directory changes.
func TestAQueryChangesNothing(t *testing.T) {
	t.Parallel()
	path := filled(t)
	dir := filepath.Dir(path)
	// The first reader of a database recreates its -shm.
	reader, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, _, err := run(t.Context(), path, "SELECT * FROM host_status", nil); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	texts := strings.Split(strings.TrimPrefix(strings.ReplaceAll(hostile, "DIR", dir), "\n"), "\n")
	texts = append(texts, "-- comment\nDELETE FROM hosts", "SELECT 1\x00; DELETE FROM hosts", "DELETE FROM hosts /* unended",
		"SELECT '--'; DELETE FROM hosts --'")
	for _, text := range texts {
		want := sandbox.ErrQuery
		if strings.HasPrefix(text, "SELECT 1;;;") {
			want = nil
		}
		if _, rows, err := run(t.Context(), path, text, nil); !errors.Is(err, want) {
			t.Errorf("%q gave %v and %v, want %v", text, rows, err, want)
		}
		if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
			t.Fatalf("%q changed what lies there (-before +after):\n%s", text, diff)
		}
	}
	if _, err := os.Stat("relative-to-the-test.db"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("relative-to-the-test.db: %v", err)
	}
}

// TestReadingIsAllowed shows that statements that only read are not refused.
func TestReadingIsAllowed(t *testing.T) {
	t.Parallel()
	path := filled(t)
	for text, want := range map[string]string{
		"VALUES (1, 'a'), (2, NULL)":                            "[column1 column2] [[1 a] [2 <nil>]]",
		"; -- comment\n SELECT 1 AS \"a;b\" /* ; */ ; ; -- x":   "[a;b] [[1]]",
		"\uFEFFSELECT ';' AS [;];\uFEFF\r\n":                    "[;] [[;]]",
		"SELECT 1 AS a, 2 AS a, x'00ff' AS b, 1.5 AS c":         "[a a b c] [[1 2 [0 255] 1.5]]",
		"SELECT name FROM pragma_table_info('gap_log') LIMIT 1": "[name] [[source]]",
		"PRAGMA quick_check":                                    "[quick_check] [[ok]]",
		"PRAGMA Journal_Mode":                                   "[journal_mode] [[wal]]",
		"SELECT value FROM json_each('[1, 2]')":                 "[value] [[1] [2]]",
		"SELECT host FROM host_status WHERE FALSE":              "[host] []",
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) SELECT i FROM n": "[i] [[1] [2] [3]]",
		"EXPLAIN QUERY PLAN VALUES (1)": "[id parent notused detail] [[1 0 0 SCAN CONSTANT ROW]]",
	} {
		columns, rows, err := run(t.Context(), path, text, nil)
		if got := fmtRows(columns, rows); err != nil || got != want {
			t.Errorf("%q gave %s and %v, want %s", text, got, err, want)
		}
	}
	if _, rows, err := run(t.Context(), path, "SELECT tstamp FROM goose_db_version", nil); err != nil || len(rows[0][0].(string)) != len(time.DateTime) {
		t.Errorf("a column declared TIMESTAMP gave %v and %v, want text", rows, err)
	}
}

func fmtRows(columns []string, rows [][]any) string { return fmt.Sprint(columns, " ", rows) }

// TestAQuerysArguments shows that SQLite finds each parameter by its name.
func TestAQuerysArguments(t *testing.T) {
	t.Parallel()
	args := map[string]any{"host": "never-shipped", "n": int64(1), "x": 0.5, "nothing": nil, "unused": "u"}
	_, rows, err := run(t.Context(), filled(t), `
		SELECT host, typeof(:n), typeof(@x), typeof($nothing), ':quoted', "host" -- :remark
		FROM host_status
		WHERE host = :host
		LIMIT :n`, args)
	if diff := cmp.Diff([][]any{{"never-shipped", "integer", "real", "null", ":quoted", "never-shipped"}}, rows); err != nil || diff != "" {
		t.Errorf("%v, rows (-want +got):\n%s", err, diff)
	}
}

// endless is a query that never returns its first row.
const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"

func TestAQueryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filled(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := run(ctx, path, endless, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an endless query gave %v, want the context's error", err)
	}
	if _, _, err := run(ctx, path, "SELECT 1", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a query after its deadline gave %v, want the context's error", err)
	}
}

// TestAQueryEndsWhenItsRowsAreNotTaken shows that an endless answer ends with its reader.
func TestAQueryEndsWhenItsRowsAreNotTaken(t *testing.T) {
	t.Parallel()
	statement, err := sandbox.ParseStatement("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
	if err != nil {
		t.Fatal(err)
	}
	enough, got := errors.New("enough"), int64(0)
	err = sandbox.Query{Statement: statement}.Run(t.Context(), filled(t), func([]string) error { return nil }, func(values []any) error {
		if got++; values[0] != got {
			t.Errorf("row %d is %v", got, values)
		}
		if got == 1000 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || got != 1000 {
		t.Errorf("%v after %d rows, want %v after 1000", err, got, enough)
	}
}

func TestWhereAQueryIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	words := filepath.Join(dir, "words.db")
	if err := os.WriteFile(words, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "none.db"):      store.ErrPath,
		filepath.Join(dir, "no", "dir.db"): store.ErrPath,
		words:                              store.ErrForeign,
	} {
		if _, _, err := run(t.Context(), path, "SELECT 1", nil); !errors.Is(err, want) {
			t.Errorf("%s gave %v, want %v", path, err, want)
		}
	}
	path := filled(t)
	for _, text := range []string{"SELECT hots FROM host_status", "SELEC 1", "SELECT zeroblob(100000000)", "SELECT abs(-9223372036854775807 - 1)",
		"SELECT 1 LIMIT 'x'"} {
		if _, _, err := run(t.Context(), path, text, nil); !errors.Is(err, sandbox.ErrQuery) || strings.Contains(err.Error(), path) {
			t.Errorf("%s gave %v, want %v without the path", text, err, sandbox.ErrQuery)
		}
	}
}
