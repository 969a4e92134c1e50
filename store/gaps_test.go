package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

// TestGapsThatFollowOneAnotherAreOne: each notice of journald was its own gap, and 260,000
// of them made a report take 144 MiB.
func TestGapsThatFollowOneAnotherAreOne(t *testing.T) {
	t.Parallel()
	const second, minute = store.Second, store.Minute
	// notices come every few seconds for an hour, then again after half an hour.
	var notices []store.Gap
	last := now
	for i := range int64(1000) {
		at := last + (3+i%3)*second
		if i == 700 {
			at += 30 * minute
		}
		from := last
		if i == 700 || i%50 == 0 {
			from = at // no entry was read before it
		}
		notices = append(notices, store.RateLimited(from, at, i%7))
		last = at
	}
	gapsIn := func(s *store.Store) []string {
		return mustSelect[string](t, s, "SELECT reason || ' ' || ((from_at - ?) / 1000000) || ' ' || ((to_at - ?) / 1000000) || ' ' || detail || ' ' || dropped FROM gaps", now, now)
	}
	save := func(s *store.Store, gaps []store.Gap) {
		mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now + 9*store.Hour, Gaps: gaps})
	}
	sum := func(gaps []store.Gap) (n int64) {
		for _, g := range gaps {
			n += g.Dropped
		}
		return n
	}
	line := func(gaps []store.Gap) string {
		n := sum(gaps)
		return fmt.Sprintf("rate-limited %d %d journald dropped %d entries of the unit; raise RateLimitBurst= for it %d",
			(gaps[0].From-now)/second, (gaps[len(gaps)-1].To-now)/second, n, n)
	}
	want := []string{line(notices[:700]), line(notices[700:])}
	whole, _ := mustOpen(t)
	save(whole, notices)
	if diff := gocmp.Diff(want, gapsIn(whole)); diff != "" {
		t.Errorf("in one batch (-want +got):\n%s", diff)
	}
	r := rand.New(rand.NewPCG(1, 9))
	s, _ := mustOpen(t)
	for from := 0; from < len(notices); {
		to := min(len(notices), from+1+r.IntN(200))
		save(s, notices[max(0, from-r.IntN(300)):to])
		from = to
	}
	save(s, notices)
	if diff := gocmp.Diff(want, gapsIn(s)); diff != "" {
		t.Errorf("in pieces, and read again (-want +got):\n%s", diff)
	}
}

// TestWhichGapsAreOne shows that only gaps of one source and reason are joined. They must
// overlap or be adjacent, and not be recovered.
func TestWhichGapsAreOne(t *testing.T) {
	t.Parallel()
	const minute = store.Minute
	gap := func(reason string, from, to int64) store.Gap {
		return store.Gap{Reason: reason, From: now + from*minute, To: now + to*minute, Detail: fmt.Sprint(from)}
	}
	for _, c := range []struct {
		name string
		gaps []store.Gap
		want []string
	}{
		{"the next begins where the last has ended", []store.Gap{gap("truncated", 0, 10), gap("truncated", 10, 20)}, []string{"truncated 0 20 10"}},
		{"five minutes apart", []store.Gap{gap("truncated", 0, 10), gap("truncated", 15, 20)}, []string{"truncated 0 20 15"}},
		{"six minutes apart", []store.Gap{gap("truncated", 0, 10), gap("truncated", 16, 20)}, []string{"truncated 0 10 0", "truncated 16 20 16"}},
		{"of two reasons", []store.Gap{gap("truncated", 0, 10), gap("vacuumed", 5, 20)}, []string{"truncated 0 10 0", "vacuumed 5 20 5"}},
		{"one within the other", []store.Gap{gap("truncated", 0, 30), gap("truncated", 5, 20)}, []string{"truncated 0 30 0"}},
		{"one between two", []store.Gap{gap("truncated", 0, 10), gap("truncated", 20, 30), gap("truncated", 12, 18)}, []string{"truncated 0 30 12"}},
		{"one over two, from before them", []store.Gap{gap("truncated", 10, 20), gap("truncated", 40, 50), gap("truncated", 0, 60)}, []string{"truncated 0 60 0"}},
		{"unread, and read since", []store.Gap{gap("source-unread", 0, 10), {}, gap("source-unread", 11, 20)}, []string{"source-unread 0 10 0", "source-unread 11 20 11"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := mustOpen(t)
			for range 2 { // saving them again changes nothing
				for _, g := range c.gaps {
					b := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now + store.Hour, Gaps: []store.Gap{g}}
					if g == (store.Gap{}) {
						b.Gaps, b.Recovered = nil, true
					}
					mustSave(t, s, b)
				}
				got := mustSelect[string](t, s, "SELECT reason || ' ' || ((from_at - ?) / 60000000) || ' ' || ((to_at - ?) / 60000000) || ' ' || detail FROM gaps ORDER BY 1", now, now)
				if diff := gocmp.Diff(c.want, got); diff != "" {
					t.Errorf("gaps (-want +got):\n%s", diff)
				}
				if c.gaps[0].Reason == store.GapUnread {
					break // a source that cannot be read again has a new gap
				}
			}
		})
	}
}
