package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// TestABacklogIsNotPrunedBeforeItIsRead: the journal had more than a pass reads, and
// pruning by size moved the horizon past the time that was read. The rest of the hour
// then counted as pruned.
func TestABacklogIsNotPrunedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixMicro()
	begin := now - 48*store.Hour
	for _, c := range []struct {
		name    string
		options passOptions
	}{
		{"by size", passOptions{maxSize: 1, maxSizeText: "1B", now: now}},
		{"by age", passOptions{retentionDays: 1, now: now, nowGiven: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			source, err := s.Source(t.Context(), store.StreamIndex)
			if err != nil {
				t.Fatal(err)
			}
			save := func(from, to int64) store.Saved {
				t.Helper()
				b := &store.Batch{Source: source, Now: now, Hosts: []string{"lab-1"}, Series: []store.Series{{Host: "lab-1"}},
					Ships: []store.Ship{{ReceivedAt: now, LineHash: 1}}}
				for at := from; at < to; at += 10 * store.Second {
					b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(at), Status: 412})
				}
				saved, err := s.Save(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				return saved
			}
			half := begin + 90*store.Minute
			save(begin, half)
			var stderr bytes.Buffer
			e := still(time.UnixMicro(now), &stderr)
			p := &pass{o: c.options, e: e, s: s, reached: now, readTo: half}
			if err := p.prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			if saved := save(half, half+store.Hour); saved.Puts != 360 || saved.Expired != 0 {
				t.Errorf("of the 360 PUTs that were still to be read %d were stored, and %d taken for pruned\n%s", saved.Puts, saved.Expired, &stderr)
			}
			// Rows that were read are pruned all the same.
			if !strings.Contains(stderr.String(), "pruned 360 row(s)") {
				t.Errorf("it says\n%s", &stderr)
			}
		})
	}
}
