package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cis490/fleet-health/migrations"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

// TestBackupBesideAWriter shows that a copy has only committed rows, and nothing of an open
// transaction. It is complete in one file.
func TestBackupBesideAWriter(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	source := mustSource(t, s, store.StreamIndex)
	save := func(host string) {
		mustSave(t, s, &store.Batch{Source: source, Now: now, Series: []store.Series{{Host: host}}, State: host,
			Ships: []store.Ship{{ReceivedAt: now, LineHash: 1}}})
	}
	save("committed")
	copied := filepath.Join(t.TempDir(), "file:copy.db?mode=memory")
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec("UPDATE hosts SET name = 'open'"); err != nil {
			return err
		}
		_, err := store.Backup(t.Context(), path, copied)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	save("later")
	entries, err := os.ReadDir(filepath.Dir(copied))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the copy there is %v (%v)", entries, err)
	}
	back := mustReopen(t, copied)
	if diff := cmp.Diff([]string{"committed"}, mustSelect[string](t, back, "SELECT host FROM ship_log")); diff != "" {
		t.Errorf("the copy (-want +got):\n%s", diff)
	}
	if cursor, err := back.Cursor(t.Context(), mustSource(t, back, store.StreamIndex)); err != nil || cursor.State != "committed" {
		t.Errorf("the copy's cursor is %q (%v)", cursor.State, err)
	}
}

// TestBackupRefuses to overwrite a file and to copy other files. It leaves nothing behind.
func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	_, path := mustOpen(t)
	dir := t.TempDir()
	file := func(name, content string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	there, busy, text := file("there", "kept"), file("busy.partial", "kept"), file("text", "no database, but a text of some length")
	for _, c := range []struct {
		what, from, to string
		want           error
	}{
		{"a file that exists", path, there, store.ErrTarget},
		{"a copy that is being made", path, filepath.Join(dir, "busy"), store.ErrTarget},
		{"a directory that does not exist", path, filepath.Join(dir, "none", "x"), store.ErrTarget},
		{"the database itself", path, path, store.ErrTarget},
		{"a text", text, filepath.Join(dir, "x"), store.ErrForeign},
		{"nothing", filepath.Join(dir, "nothing"), filepath.Join(dir, "x"), store.ErrPath},
	} {
		if _, err := store.Backup(t.Context(), c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	for _, name := range []string{there, busy} {
		if content, err := os.ReadFile(name); err != nil || string(content) != "kept" {
			t.Errorf("%s was written over: %q, %v", name, content, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("something was left behind: %v", entries)
	}
}

// old makes a database of an old schema version, with some passes.
func old(t *testing.T, path string, version int64, passes int) {
	t.Helper()
	db, err := sqlx.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db.DB, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	for range passes {
		db.MustExec("INSERT INTO passes (started_at, as_of, checked) VALUES (1, 1, 1)")
	}
}

// TestACopyFromBeforeAMigrationIsKept shows that a migration that is tried again keeps the
// copy, and that the next migration replaces it.
func TestACopyFromBeforeAMigrationIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fleet.db")
	kept := path + ".before-upgrade"
	migrated := func(passes int) store.Migrated {
		t.Helper()
		os.Remove(path)
		old(t, path, 4, passes)
		s, err := store.Open(t.Context(), path, store.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Migrated()
	}
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	newest, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	// A killed migration left a partial copy. The next one holds the lock, so it replaces it.
	if err := os.WriteFile(kept+".partial", []byte("a part"), 0o640); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		what         string
		passes       int
		copied, anew bool
	}{
		{"a database without a pass has nothing to keep", 0, false, false},
		{"the first migration", 2, true, true},
		{"the same one, after a kill", 2, true, false},
		{"the next one", 3, true, true},
	} {
		before, _ := os.Stat(kept)
		m := migrated(c.passes)
		want := store.Migrated{From: 4, To: newest}
		if c.copied {
			want.Copy = kept
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
		after, err := os.Stat(kept)
		if (err == nil) != c.copied {
			t.Fatalf("%s: the copy: %v", c.what, err)
		}
		if i > 0 && os.SameFile(before, after) == c.anew {
			t.Errorf("%s: made anew: %v, want %v", c.what, !c.anew, c.anew)
		}
	}
	db := sqlx.MustOpen("sqlite", "file:"+kept+"?mode=ro&immutable=1")
	defer db.Close()
	var got string
	err = db.Get(&got, "SELECT (SELECT MAX(version_id) FROM goose_db_version) || ' ' || (SELECT COUNT(*) FROM passes)")
	if want := fmt.Sprint(4, " ", 3); err != nil || got != want {
		t.Errorf("the copy has schema and passes %q (%v), want %q", got, err, want)
	}
	if s := mustReopen(t, path); s.Migrated() != (store.Migrated{}) {
		t.Errorf("a current database was migrated: %+v", s.Migrated())
	}
}
