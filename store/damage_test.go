package store

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the tests expect anew")

// closedDatabase makes a database with some hosts, and returns its path and content.
func closedDatabase(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fleet.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.Source(t.Context(), StreamIndex)
	if err == nil {
		_, err = s.Save(t.Context(), &Batch{Source: source, Series: []Series{{Host: "lab-one"}, {Host: "lab-two"}},
			Ships: []Ship{{ReceivedAt: 1, LineHash: 1}, {ReceivedAt: 2, LineHash: 2, Series: 1}}})
	}
	if err == nil {
		_, err = s.Checkpoint(t.Context())
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if content, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// TestTheSchemaHasItsSums fails when a migration has changed the schema.
func TestTheSchemaHasItsSums(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fleet.db")
	db, err := connect(path, "_txlock=immediate", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &Store{db: db, path: path}
	if err := s.migrate(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	lines, err := schemaObjects(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(lines, "\n") + "\n"; *update {
		if err := os.WriteFile("schema.sums", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if schemaSums != want {
		t.Errorf("a migration has changed the schema: run `go test ./store -run SchemaHasItsSums -update`; it has\n%s", want)
	}
}

// TestDamageThatQuickCheckDoesNotSee: databases with such damage were written to.
func TestDamageThatQuickCheckDoesNotSee(t *testing.T) {
	t.Parallel()
	path, content := closedDatabase(t)
	// Once in the table, and once in its index.
	if n := bytes.Count(content, []byte("lab-one")); n != 2 {
		t.Fatalf("the name stands at %d places, want 2", n)
	}
	flipped := func(at int) []byte {
		bad := slices.Clone(content)
		bad[at] ^= 1
		return bad
	}
	renamed := func(from, to string) []byte { return bytes.ReplaceAll(content, []byte(from), []byte(to)) }
	for name, bad := range map[string][]byte{
		"an index contradicts its table":       flipped(bytes.Index(content, []byte("lab-one")) + 4),
		"a table contradicts its index":        flipped(bytes.LastIndex(content, []byte("lab-one")) + 4),
		"too many free pages":                  flipped(37),
		"a column of a view has another name":  renamed("longest_gap", "longest_gaq"),
		"a column of a table has another name": renamed("journal_entries", "journal_entrief"),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path, Options{})
		if err == nil {
			s.Close()
		}
		if after, readErr := os.ReadFile(path); !errors.Is(err, ErrCorrupt) || readErr != nil || !bytes.Equal(bad, after) {
			t.Errorf("%s: Open gives %v, want ErrCorrupt and no byte changed", name, err)
		}
	}
}

// TestADatabaseCutInItsFirstWordIsNoText: rebuild refused it as a text, although the pass
// had suggested rebuild.
func TestADatabaseCutInItsFirstWordIsNoText(t *testing.T) {
	t.Parallel()
	path, content := closedDatabase(t)
	for _, c := range []struct {
		content string
		want    error
	}{{string(content[:3]), ErrCorrupt}, {string(content[:16]), ErrCorrupt}, {"SQL", ErrCorrupt}, {"SQLite is nice\n", ErrForeign}, {"a text\n", ErrForeign}} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, c.want) {
			t.Errorf("%q: Open gives %v, want %v", c.content, err, c.want)
		}
		if text := isText(path); text != (c.want == ErrForeign) {
			t.Errorf("%q is a text: %v", c.content, text)
		}
	}
}

// TestAValueOfAnotherTypeIsDamage: a flipped bit in a page can change the type of a number,
// so that its column rejects it when it is written back.
func TestAValueOfAnotherTypeIsDamage(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO hosts (name, first_seen_at) VALUES ('a', 1.5)")
		return err
	})
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}
