package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// filled returns a closed database with facts.
func filled(t *testing.T) (path string) {
	t.Helper()
	s, path := mustOpen(t)
	fillEveryTable(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// askClosed is ask for a closed database.
func askClosed(t *testing.T, path, query string) (text string) {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, text = ask(t, s, query)
	return text
}

// restored makes a database from sqlite3's dump of another, after a change.
func restored(t *testing.T, from string, change func(dump string) string) (path string) {
	t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip(err)
	}
	dump, err := exec.Command("sqlite3", "-readonly", from, ".dump").Output()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "restored.db")
	cmd := exec.Command("sqlite3", path)
	cmd.Stdin = strings.NewReader(change(string(dump)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestADatabaseFromADumpIsOurs: it counted as another program's, because a dump has no
// application_id.
func TestADatabaseFromADumpIsOurs(t *testing.T) {
	t.Parallel()
	from := filled(t)
	path := restored(t, from, func(dump string) string { return dump })
	const all = "SELECT host, last_ship_at, last_put_at FROM host_status ORDER BY host"
	want := askClosed(t, from, all)
	for _, state := range []string{"as it was restored", "after a pass", "after another"} {
		if diff := cmp.Diff(want, askClosed(t, path, all)); diff != "" {
			t.Fatalf("%s (-want +got)\n%s", state, diff)
		}
		s := mustReopen(t, path)
		if m := s.Migrated(); m.Restored != (state == "as it was restored") || m.Grows != m.Restored {
			t.Errorf("%s: %+v", state, m)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := askClosed(t, path, "SELECT application_id, journal_mode FROM pragma_application_id, pragma_journal_mode"), fmt.Sprintf("%d|wal\n", 0x63343930); got != want {
		t.Errorf("it is marked with %q, want %q", got, want)
	}
}

// TestADatabaseFromADumpThatIsNotOurs is refused, and not changed.
func TestADatabaseFromADumpThatIsNotOurs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(dump string) string
		want   error
		says   string
	}{
		"of another program": {func(string) string { return "CREATE TABLE hosts (name TEXT);" }, store.ErrForeign, "another program"},
		"of another user of goose": {func(string) string {
			return "CREATE TABLE goose_db_version (id INTEGER, version_id INTEGER, is_applied INTEGER); INSERT INTO goose_db_version VALUES (1, 3, 1); CREATE TABLE t (a);"
		}, store.ErrForeign, "another program"},
		"without a table":     {func(dump string) string { return dump + "DROP TABLE gaps;" }, store.ErrForeign, "it has no table gaps"},
		"without goose's":     {func(dump string) string { return dump + "DROP TABLE goose_db_version;" }, store.ErrForeign, "it has no table goose_db_version"},
		"without a view":      {func(dump string) string { return dump + "DROP VIEW host_status;" }, store.ErrCorrupt, "view host_status is missing"},
		"with another number": {func(dump string) string { return dump + "PRAGMA application_id = 7;" }, store.ErrForeign, "another program"},
		"of a newer program": {func(dump string) string {
			return dump + "INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, 1);"
		}, store.ErrNewer, "900"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := restored(t, filled(t), c.change)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if s, err := store.Open(t.Context(), path, store.Options{Now: now}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("open gave %v, want %v and %q", err, c.want, c.says)
				if err == nil {
					s.Close()
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("it was changed (%v)", err)
			}
		})
	}
}
