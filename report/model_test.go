package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
)

// facts are the input of the model of a report.
type facts struct {
	ships []modelShip
	puts  []modelPut
	bad   []modelPut // rejections; status 1 is unstamped
}

type modelShip struct {
	at           int64
	host, commit string
	n            uint64
}

type modelPut struct {
	at     int64
	host   string
	status int32
}

// randomFacts makes facts of a few hosts in random order. They cover three days up to end
// and the hour after it. Many are at the edges of hours.
func randomFacts(r *rand.Rand, end int64) (f facts) {
	at := func() int64 {
		at := end - 3*24*store.Hour + r.Int64N(73*store.Hour)
		if r.IntN(4) == 0 {
			at = at/store.Hour*store.Hour - r.Int64N(2)
		}
		return at
	}
	for i := range 300 {
		host := fmt.Sprintf("lab-%d", r.IntN(3))
		f.ships = append(f.ships, modelShip{at(), host, []string{"", "a1", "b2"}[r.IntN(3)], uint64(i)})
		f.puts = append(f.puts, modelPut{at(), host, []int32{200, 201, 302, 404, 412, 500}[r.IntN(6)]})
		if i%3 == 0 {
			f.bad = append(f.bad, modelPut{at(), host, int32(r.IntN(2))})
		}
	}
	return f
}

// stored puts facts into a new database, in batches, prunes it, and returns it
// open for reading.
func (f facts) stored(t *testing.T, end, prune int64) *store.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), path, store.Options{Now: end})
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.Source(t.Context(), store.StreamIndex)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range 4 {
		b := &store.Batch{Source: source, Now: end}
		part := func(n int) (int, int) { return n * cut / 4, n * (cut + 1) / 4 }
		from, to := part(len(f.ships))
		for _, ship := range f.ships[from:to] {
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: ship.at, LineHash: ship.n, Series: int32(len(b.Series))})
			b.Series = append(b.Series, store.Series{Host: ship.host, Commit: ship.commit})
		}
		from, to = part(len(f.puts))
		for i, put := range f.puts[from:to] {
			b.Puts = append(b.Puts, store.Put{At: put.at, CursorHash: uint64(cut<<16 + i), Host: int32(len(b.Hosts)), Status: put.status})
			b.Hosts = append(b.Hosts, put.host)
		}
		from, to = part(len(f.bad))
		for i, bad := range f.bad[from:to] {
			reason := []string{store.ReasonOther, store.ReasonUnstamped}[bad.status]
			b.Rejections = append(b.Rejections, store.Rejection{At: bad.at, CursorHash: uint64(cut<<16 + i), Host: int32(len(b.Hosts)), Reason: reason})
			b.Hosts = append(b.Hosts, bad.host)
		}
		if _, err := s.Save(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	// Yesterday stays open.
	if err := s.FinishDays(t.Context(), end-24*store.Hour); err != nil {
		t.Fatal(err)
	}
	pass := store.Pass{StartedAt: end, AsOf: end}
	if err := s.BeginPass(t.Context(), &pass); err != nil {
		t.Fatal(err)
	}
	pass.Outcome.String, pass.Outcome.Valid = store.OutcomeOK, true
	if err := s.FinishPass(t.Context(), &pass); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(t.Context(), store.PruneOptions{Before: prune}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := store.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	return reader
}

// bucketOf is the model's bucket: the counts of a host between two times.
type bucketOf struct {
	Ships     int64            `json:"ships"`
	P2xx      int64            `json:"puts_2xx"`
	P4xx      int64            `json:"puts_4xx"`
	P5xx      int64            `json:"puts_5xx"`
	Unstamped int64            `json:"unstamped"`
	Statuses  map[string]int64 `json:"statuses"`
	Silence   *int64           `json:"longest_silence_seconds"`
	Commit    *string          `json:"code_commit"`
	Changes   int64            `json:"commit_changes"`
}

// count computes a bucket, including from and to. begin and until are the ends of the
// whole history: a silence may continue into a later bucket, and a commit may differ from
// that of the ship before, which may be in an earlier bucket or before begin.
func (f facts) count(host string, begin, from, to, until int64) (b bucketOf) {
	b.Statuses = map[string]int64{}
	ordered := slices.Clone(f.ships)
	slices.SortFunc(ordered, func(a, b modelShip) int {
		if a.at != b.at {
			return int(max(-1, min(1, a.at-b.at)))
		}
		return int(a.n) - int(b.n)
	})
	var before *modelShip
	silenceFrom := int64(-1)
	measure := func(at int64) {
		if silenceFrom >= 0 {
			if length := at - silenceFrom; b.Silence == nil || length > *b.Silence {
				b.Silence = &length
			}
		}
	}
	for _, ship := range ordered {
		if ship.host != host || ship.at > until {
			continue
		}
		if ship.at < begin {
			before = &ship
			continue
		}
		measure(ship.at)
		silenceFrom = -1
		if ship.at >= from && ship.at <= to {
			b.Ships++
			silenceFrom = ship.at
			if before != nil && before.commit != ship.commit {
				b.Changes++
			}
			if b.Commit = nil; ship.commit != "" {
				b.Commit = &ship.commit
			}
		}
		before = &ship
	}
	measure(until)
	if b.Silence != nil {
		*b.Silence /= store.Second
	}
	for _, put := range f.puts {
		if put.host != host || put.at < from || put.at > to {
			continue
		}
		b.Statuses[fmt.Sprint(put.status)]++
		switch put.status / 100 {
		case 2:
			b.P2xx++
		case 4:
			b.P4xx++
		case 5:
			b.P5xx++
		}
	}
	for _, bad := range f.bad {
		if bad.host == host && bad.status == 1 && bad.at >= from && bad.at <= to {
			b.Unstamped++
		}
	}
	return b
}

// prunedBefore returns the horizon for a seed. Half of the seeds do not prune.
func prunedBefore(r *rand.Rand, seed uint64, end int64) int64 {
	if seed%2 == 0 {
		return 0
	}
	return (end - r.Int64N(48*store.Hour)) / store.Hour * store.Hour
}

// TestAHistoryEqualsTheRawFacts compares histories with a count of the facts, for random
// windows and all buckets. Rollups and raw rows must agree, also after pruning.
func TestAHistoryEqualsTheRawFacts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			const end = now + 34*store.Minute
			f := randomFacts(r, end)
			kept := prunedBefore(r, seed, end)
			s := f.stored(t, end, kept)
			for range 25 {
				w := report.Window{Until: end - []int64{0, 0, r.Int64N(48 * store.Hour), 34 * store.Minute, 34*store.Minute + 1}[r.IntN(5)]}
				until := w.Until
				if w.Until < kept {
					// A pruned hour is only known as a whole: end the window before it.
					w.Until = w.Until / store.Hour * store.Hour
					until = w.Until - 1
				}
				w.Since = w.Until - 1 - r.Int64N(40*store.Hour)
				names := report.BucketNames()
				name := names[r.IntN(len(names))]
				zone := []*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -19800)}[r.IntN(3)]
				buckets, err := w.Buckets(name, zone, kept)
				if err != nil {
					t.Fatal(err)
				}
				if first := buckets.Bounds[0]; first > w.Since+1 {
					t.Fatalf("%v cut by %s begins only at %d", w, name, first)
				}
				host := fmt.Sprintf("lab-%d", r.IntN(3))
				var want, got []bucketOf
				for i, from := range buckets.Bounds[:len(buckets.Bounds)-1] {
					want = append(want, f.count(host, buckets.Bounds[0], from, min(buckets.Bounds[i+1]-1, until), w.Until))
				}
				err = s.View(t.Context(), func(tx *store.Tx) error {
					var out bytes.Buffer
					err := report.History(tx, &out, report.Style{Format: report.FormatJSON}, []string{host}, w, buckets)
					if err == nil {
						err = json.Unmarshal(out.Bytes(), &got)
					}
					return err
				})
				if strings.HasSuffix(name, "m") && buckets.Bounds[0] < kept {
					if !errors.Is(err, report.ErrPruned) {
						t.Fatalf("%s over %v by %s: %v, though the rows before %d are pruned", host, w, name, err, kept)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s over %v by %s (-model +report):\n%s", host, w, name, diff)
				}
			}
		})
	}
}

// TestTheFleetEqualsTheRawFacts does the same for the fleet's report.
func TestTheFleetEqualsTheRawFacts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 2))
			const end = now + 34*store.Minute
			f := randomFacts(r, end)
			kept := prunedBefore(r, seed, end)
			s := f.stored(t, end, kept)
			for range 25 {
				w := report.Window{Until: end - []int64{0, r.Int64N(48 * store.Hour), 34 * store.Minute, 34*store.Minute + 1}[r.IntN(4)]}
				until := w.Until
				if w.Until < kept {
					// A pruned hour counts as a whole.
					until = (w.Until+store.Hour-1)/store.Hour*store.Hour - 1
				}
				// In a window of months, a bar covers whole days.
				w.Since = w.Until - 1 - r.Int64N([]int64{40, 2000}[r.IntN(2)]*store.Hour)
				var got []struct {
					Host   string  `json:"host"`
					LastAt *string `json:"last_ship_at"`
					Ages   *int64  `json:"silent_seconds"`
					bucketOf
					MainFailure *int64  `json:"main_failure"`
					OverTime    []int64 `json:"ships_over_time"`
				}
				err := s.View(t.Context(), func(tx *store.Tx) error {
					var out bytes.Buffer
					err := report.Fleet(tx, &out, report.Style{Format: report.FormatJSON}, w, report.FleetOptions{Silences: []string{"silent"}})
					if err == nil {
						err = json.Unmarshal(out.Bytes(), &got)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != 3 {
					t.Fatalf("%d hosts, want 3", len(got))
				}
				asked := w
				if w.Since+1 < kept {
					w.Since = (w.Since+1)/store.Hour*store.Hour - 1
				}
				if counted := asked.Counted(kept); counted != (report.Window{Since: w.Since, Until: until}) {
					t.Errorf("%v is said to count %v", asked, counted)
				}
				for _, row := range got {
					b := f.count(row.Host, w.Since+1, w.Since+1, until, until)
					last, failures := int64(0), map[int64]int64{}
					for _, ship := range f.ships {
						if ship.host == row.Host && ship.at <= until {
							last = max(last, ship.at)
						}
					}
					for _, put := range f.puts {
						if put.host == row.Host && put.at > w.Since && put.at <= until && put.status >= 400 {
							failures[int64(put.status)]++
						}
					}
					last = min(last, w.Until)
					want := fmt.Sprint(b.Ships, b.P2xx, b.P4xx, b.P5xx, b.Unstamped, time.UnixMicro(last).UTC().Format("2006-01-02T15:04:05.000000Z"), (w.Until-last)/store.Second)
					if have := fmt.Sprint(row.Ships, row.P2xx, row.P4xx, row.P5xx, row.Unstamped, *row.LastAt, *row.Ages); have != want {
						t.Errorf("%s over %v: %s, want %s", row.Host, w, have, want)
					}
					if most := slices.Max(append(slices.Collect(maps.Values(failures)), 0)); row.MainFailure == nil && most > 0 ||
						row.MainFailure != nil && failures[*row.MainFailure] != most {
						t.Errorf("%s over %v: mostly %v of %v", row.Host, w, row.MainFailure, failures)
					}
					sum := int64(0)
					for _, n := range row.OverTime {
						sum += n
					}
					if sum != b.Ships || len(row.OverTime) > 24 {
						t.Errorf("%s over %v: %v are %d ships, want %d", row.Host, w, row.OverTime, sum, b.Ships)
					}
				}
			}
		})
	}
}
