package ingest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/google/go-cmp/cmp"
)

const now = 1777636800 * store.Second // 2026-05-01T12:00:00Z

func mustOpen(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// dump returns the rows of the tables with names instead of ids.
func dump(t *testing.T, s *store.Store) string {
	t.Helper()
	var out strings.Builder
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		for _, query := range []string{
			"SELECT received_at || ' ' || host || ' ' || COALESCE(code_commit, '-') FROM ship_log ORDER BY 1",
			"SELECT at || ' ' || host || ' ' || status FROM put_log ORDER BY 1",
			"SELECT at || ' ' || host || ' ' || reason FROM rejection_log ORDER BY 1",
			"SELECT host || ' ' || first_seen_at || ' ' || COALESCE(last_ship_at, '-') || ' ' || COALESCE(last_put_at, '-') FROM host_status ORDER BY 1",
			`SELECT hour || ' ' || name || ' ' || ships || ' ' || first_at || ' ' || last_at || ' ' || longest_gap || ' ' || commit_changes
			 FROM ship_hours JOIN hosts ON hosts.id = host_id ORDER BY 1`,
			"SELECT hour || ' ' || name || ' ' || status || ' ' || puts FROM put_hours JOIN hosts ON hosts.id = host_id ORDER BY 1",
			"SELECT hour || ' ' || name || ' ' || reason || ' ' || rejections FROM rejection_hours JOIN hosts ON hosts.id = host_id ORDER BY 1",
			"SELECT reason || ' ' || lines FROM quarantine_counts ORDER BY 1",
		} {
			var rows []string
			if err := tx.Select(&rows, query); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
			out.WriteString(strings.Join(rows, "\n") + "\n--\n")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// randomIndex returns index lines, some of them bad.
func randomIndex(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	at := now - 5*store.Hour
	for i := range n {
		at += r.Int64N(2 * 4 * store.Hour / int64(n))
		switch r.IntN(30) {
		case 0:
			b.WriteString([]string{"[]", `"x"`, "3", "no json", "", `{"host_id":7}`, "\xff\xfe", `{"host_id":"a","received_at_wall":9}`}[r.IntN(8)] + fmt.Sprint(i) + "\n")
		case 1:
			fmt.Fprintf(&b, `{"host_id":"late","received_at_wall":%q}`+"\n", isotime.Format(at-r.Int64N(3*store.Hour)))
		case 2:
			fmt.Fprintf(&b, `{"host_id":"ahead","received_at_wall":%q}`+"\r\n", isotime.Format(now+r.Int64N(3*store.Hour)))
		case 3:
			b.WriteString(strings.Repeat("x", 70_000) + fmt.Sprint(i) + "\n")
		default:
			fmt.Fprintf(&b, `{"host_id":"lab-%d","received_at_wall":%q,"code_commit":"c%d","i":%d}`+"\n",
				r.IntN(5), isotime.Format(at), r.IntN(2), i)
		}
	}
	return b.Bytes()
}

func index(t *testing.T, s *store.Store, path string) ingest.Result {
	t.Helper()
	result, err := ingest.Index(t.Context(), s, ingest.IndexOptions{Path: path, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestAnySplitGivesTheSameTables lets an index grow in pieces that may end within lines.
// Between passes it may be rotated or left unread. The tables must equal those of one pass.
func TestAnySplitGivesTheSameTables(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			content := randomIndex(r, 300)
			path := filepath.Join(t.TempDir(), "index.jsonl")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			whole := mustOpen(t)
			index(t, whole, path)

			s := mustOpen(t)
			dir := t.TempDir()
			path = filepath.Join(dir, "index.jsonl")
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(os.WriteFile(path, nil, 0o600))
			rotations := 0
			for len(content) > 0 {
				n := min(1+r.IntN(len(content)/3+200), len(content))
				f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
				check(err)
				_, err = f.Write(content[:n])
				check(err)
				check(f.Close())
				atLineEnd := content[n-1] == '\n'
				content = content[n:]
				if r.IntN(3) > 0 {
					index(t, s, path)
				}
				if !atLineEnd && r.IntN(2) == 0 {
					continue
				}
				if atLineEnd && r.IntN(2) == 0 {
					rotations++
					check(os.Rename(path, fmt.Sprintf("%s.%d", path, rotations)))
					check(os.WriteFile(path, nil, 0o600))
				}
			}
			index(t, s, path)
			index(t, s, path)
			if diff := cmp.Diff(dump(t, whole), dump(t, s)); diff != "" {
				t.Errorf("tables differ (-one pass +many):\n%s", diff)
			}
		})
	}
}

func TestCopyTruncateLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "index.jsonl")
	one := `{"host_id":"a","received_at_wall":"2026-05-01T10:00:00+00:00"}` + "\n"
	two := `{"host_id":"a","received_at_wall":"2026-05-01T10:01:00+00:00"}` + "\n"
	three := `{"host_id":"a","received_at_wall":"2026-05-01T10:02:00+00:00"}` + "\n"
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t)
	write("index.jsonl", one)
	index(t, s, path)
	write("index.jsonl.1", one+two)
	write("index.jsonl", three)
	result := index(t, s, path)
	if len(result.Gaps) != 1 || result.Saved.Ships != 2 {
		t.Errorf("got %d gaps and %d ships, want 1 and 2", len(result.Gaps), result.Saved.Ships)
	}
}

// TestDumpIsReadOnce reads a growing journal dump in several passes.
func TestDumpIsReadOnce(t *testing.T) {
	t.Parallel()
	var dumpText bytes.Buffer
	for i := range 200 {
		at := now - int64(200-i)*20*store.Second
		fmt.Fprintf(&dumpText, "__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\n", i, at)
		fmt.Fprintf(&dumpText, "MESSAGE=1.2.3.4:5 - \"PUT /v1/episodes/lab%%20%d/e HTTP/1.1\" %d\n\n", i%3, 200+i%2*212)
	}
	path := filepath.Join(t.TempDir(), "dump")
	s := mustOpen(t)
	puts := 0
	for n := 0; n < dumpText.Len(); n += 997 {
		if err := os.WriteFile(path, dumpText.Bytes()[:min(n+997, dumpText.Len())], 0o600); err != nil {
			t.Fatal(err)
		}
		result, _ := ingest.Dump(t.Context(), s, ingest.DumpOptions{Path: path, Unit: "cis490-receiver", Now: now})
		puts += result.Saved.Puts
	}
	if puts != 200 {
		t.Errorf("stored %d PUTs, want 200", puts)
	}
	if got := dump(t, s); !strings.Contains(got, "lab 2 412") {
		t.Errorf("no PUT of host \"lab 2\" with 412 in\n%s", got)
	}
}
