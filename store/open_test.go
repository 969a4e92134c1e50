package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
)

const now = 1777636800 * store.Second // 2026-05-01T12:00:00Z

// need returns the path of a program. If it is missing, need skips the test, or fails it
// in CI.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is missing", program)
	}
	if err != nil {
		t.Skipf("%s is missing", program)
	}
	return path
}

// mustOpen opens a new database, which is closed at the end of the test.
func mustOpen(t *testing.T) (s *store.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fleet.db")
	return mustReopen(t, path), path
}

func mustReopen(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path, store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustSource(t *testing.T, s *store.Store, stream string) int64 {
	t.Helper()
	source, err := s.Source(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func mustSave(t *testing.T, s *store.Store, b *store.Batch) store.Saved {
	t.Helper()
	saved, err := s.Save(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// mustSelect returns the rows of a query with one column.
func mustSelect[T any](t *testing.T, s *store.Store, query string, args ...any) (rows []T) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.Select(&rows, query, args...) }); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// TestPragmas reads back the pragmas of the DSN, because SQLite ignores a misspelt key
// silently.
func TestPragmas(t *testing.T) {
	t.Parallel()
	writer, path := mustOpen(t)
	reader, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "60000",
		"trusted_schema": "0", "auto_vacuum": "2", "application_id": "1664366896"}
	for name, with := range map[string]func(context.Context, func(*store.Tx) error) error{"writer": writer.Update, "reader": reader.View} {
		got := map[string]string{}
		err := with(t.Context(), func(tx *store.Tx) error {
			for pragma := range want {
				var value string
				if err := tx.Get(&value, "PRAGMA "+pragma); err != nil {
					return err
				}
				got[pragma] = value
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pragmas of the %s (-want +got):\n%s", name, diff)
		}
	}
	err = reader.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("DELETE FROM hosts")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("the reader's DELETE gave %v, want an error that says readonly", err)
	}
}

// TestPathsAreTakenAsTheyAre opens paths with bytes that have a meaning in a URI.
func TestPathsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a?mode=memory", "a#b", "a%20b", "a b&c", "-db", "é", "a;b'\""} {
		path := filepath.Join(t.TempDir(), name)
		mustReopen(t, path)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: the database is not there: %v", name, err)
		}
	}
}

// TestAWriterInTheWay shows that an operator's open transaction stops a pass with
// ErrLocked, and that the next pass succeeds.
func TestAWriterInTheWay(t *testing.T) {
	t.Parallel()
	_, path := mustOpen(t)
	s, err := store.Open(t.Context(), path, store.Options{BusyTimeout: 50 * time.Millisecond, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	source := mustSource(t, s, store.StreamIndex)
	batch := func() *store.Batch {
		return &store.Batch{Source: source, Now: now, Series: []store.Series{{Host: "a"}}, State: "one",
			Ships: []store.Ship{{ReceivedAt: now - 1, LineHash: 1}}}
	}
	operator := mustReopen(t, path)
	err = operator.Update(t.Context(), func(*store.Tx) error {
		begun := time.Now()
		_, err := s.Save(t.Context(), batch())
		if !errors.Is(err, store.ErrLocked) {
			t.Errorf("Save under a writer gave %v, want ErrLocked", err)
		}
		if waited := time.Since(begun); waited < 50*time.Millisecond {
			t.Errorf("Save gave up after %s, before the busy timeout", waited)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if cursor, err := s.Cursor(t.Context(), source); err != nil || cursor.State != "" {
		t.Errorf("the cursor moved to %q under a writer (%v)", cursor.State, err)
	}
	if saved := mustSave(t, s, batch()); saved.Ships != 1 {
		t.Errorf("stored %d ships after the writer had gone, want 1", saved.Ships)
	}
}

// TestAReaderInTheWay shows that a pass commits while an operator is reading, and reports
// the size of the log. The log is empty again once the reader has closed.
func TestAReaderInTheWay(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	reader, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	err = reader.View(t.Context(), func(tx *store.Tx) error {
		var before, after int
		if err := tx.Get(&before, "SELECT COUNT(*) FROM ship_log"); err != nil {
			return err
		}
		mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "a"}},
			Ships: []store.Ship{{ReceivedAt: now, LineHash: 1}}})
		if size, err := s.Checkpoint(t.Context()); err != nil || size == 0 {
			t.Errorf("checkpoint under a reader: %d bytes, %v; want some bytes", size, err)
		}
		if err := tx.Get(&after, "SELECT COUNT(*) FROM ship_log"); err != nil {
			return err
		}
		if before != 0 || after != 0 {
			t.Errorf("the reader saw %d, then %d ships; want its own view of none", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if size, err := s.Checkpoint(t.Context()); err != nil || size != 0 {
		t.Errorf("checkpoint without a reader: %d bytes, %v; want 0", size, err)
	}
}

// TestReadersWhoMayNotWrite open the database during a pass and after it. After a plain
// close they could not, because the files of the log were gone.
func TestReadersWhoMayNotWrite(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("not root")
		}
		t.Skip("not root")
	}
	setpriv, sqlite3 := need(t, "setpriv"), need(t, "sqlite3")
	s, path := mustOpen(t)
	for dir := filepath.Dir(path); strings.HasPrefix(dir, os.TempDir()) && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "a"}},
		Ships: []store.Ship{{ReceivedAt: now, LineHash: 1}}})
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func(when string) {
		t.Helper()
		out, err := exec.Command(setpriv, "--reuid=65534", "--regid=65534", "--clear-groups",
			sqlite3, "-readonly", path, "SELECT host FROM ship_log").CombinedOutput()
		if err != nil || string(out) != "a\n" {
			t.Errorf("%s: got %q, %v", when, out, err)
		}
	}
	read("during a pass")
	err := s.Update(t.Context(), func(*store.Tx) error { read("during a transaction"); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	read("after the checkpoint")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	read("between passes")
}

// TestOpenReadsTheLogsOfACrash: a crash leaves changes of the database in its logs, where
// a look at the file alone does not find them.
func TestOpenReadsTheLogsOfACrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		log    string // the end of the log's name
		want   error
	}{
		"a newer version, committed to the write-ahead log": {
			"PRAGMA journal_mode=WAL; INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, 1);", "-wal", store.ErrNewer},
		"an older version, which the rollback journal undoes": {
			`PRAGMA journal_mode=DELETE; PRAGMA cache_size=1; BEGIN; DELETE FROM goose_db_version WHERE version_id > 1;
			 WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
			 INSERT INTO goose_db_version (version_id, is_applied) SELECT 1, 1 FROM n;`, "-journal", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			running := filled(t)
			db, err := sqlx.Open("sqlite", running)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.ExecContext(t.Context(), c.script); err != nil {
				t.Fatal(err)
			}
			crashed := filepath.Join(t.TempDir(), "fleet.db")
			for _, end := range []string{"", c.log} {
				content, err := os.ReadFile(running + end)
				if err == nil {
					err = os.WriteFile(crashed+end, content, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			s, err := store.Open(t.Context(), crashed, store.Options{Now: now})
			if !errors.Is(err, c.want) {
				t.Fatalf("open gave %v, want %v", err, c.want)
			}
			if err == nil {
				defer s.Close()
				if m := s.Migrated(); m != (store.Migrated{}) {
					t.Errorf("it was migrated: %+v", m)
				}
			}
		})
	}
}

// TestMutatedDatabases flips bytes in a database, or cuts it. Open does not touch a database
// that it refuses. One that it accepts can be written to, or the write returns ErrCorrupt:
// an index without its row gave a bare "constraint failed".
func TestMutatedDatabases(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	r := rand.New(rand.NewPCG(8, 1))
	batch := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now}
	for i := range 400 {
		batch.Series = append(batch.Series, store.Series{Host: fmt.Sprintf("lab-%d", i)})
		batch.Ships = append(batch.Ships, store.Ship{ReceivedAt: now - r.Int64N(store.Hour), LineHash: r.Uint64(), Series: int32(i)})
	}
	mustSave(t, s, batch)
	if _, err := s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range 60 {
		bad := bytes.Clone(sound)
		switch i % 4 {
		case 0:
			bad = bad[:1+r.IntN(len(bad)-1)]
		case 1:
			r.Shuffle(200, func(a, b int) { bad[a], bad[b] = bad[b], bad[a] })
		default:
			at := r.IntN(len(bad) - 16)
			for j := range 16 {
				bad[at+j] = byte(r.Uint32())
			}
		}
		one := filepath.Join(t.TempDir(), "bad.db")
		if err := os.WriteFile(one, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), one, store.Options{Now: now})
		if err != nil {
			refused++
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrForeign) && !errors.Is(err, store.ErrNewer) {
				t.Errorf("mutation %d: %v", i, err)
			}
			if after, err := os.ReadFile(one); err != nil || !bytes.Equal(bad, after) {
				t.Errorf("mutation %d was refused, but written to (%v)", i, err)
			}
			continue
		}
		batch.Ships[0].LineHash = r.Uint64()
		if _, err := s.Save(t.Context(), batch); err != nil && !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("mutation %d was taken, but: %v", i, err)
		}
		s.Close()
	}
	if refused < 30 {
		t.Errorf("only %d of 60 mutated databases were refused", refused)
	}
	t.Logf("%d of 60 refused", refused)
}
