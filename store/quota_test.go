package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

// flooded returns the rows of every table that a flood may fill. It leaves out ids, which
// depend on the order of the hosts.
func flooded(t *testing.T, s *store.Store) []string {
	t.Helper()
	rows := append(stored(t, s), mustSelect[string](t, s, `
		SELECT 'put ' || at || ' ' || cursor_hash || ' ' || name || ' ' || status
		FROM puts JOIN hosts ON hosts.id = host_id
		UNION ALL
		SELECT 'rejection ' || at || ' ' || cursor_hash || ' ' || name || ' ' || reason || ' ' || text
		FROM rejections JOIN messages ON messages.id = message_id JOIN hosts ON hosts.id = host_id
		UNION ALL
		SELECT 'message ' || hour || ' ' || name || ' ' || reason || ' ' || text || ': ' || rejections || ' ' || first_at || ' ' || last_at
		FROM messages JOIN hosts ON hosts.id = host_id
		UNION ALL
		SELECT 'surplus ' || minute || ' ' || name || ' ' || kind || ': ' || facts || ' ' || last_at
		FROM surplus JOIN hosts ON hosts.id = host_id`)...)
	slices.Sort(rows)
	return rows
}

// flood returns facts in the order of their time, of hosts that ship and of names that never
// did. Their rate exceeds the quota in some minutes and not in others.
func flood(r *rand.Rand) (facts []store.Batch) {
	at := now
	for range 12_000 {
		// 3,000 a minute, or 120
		if at += 20_000; at/store.Minute%3 == 0 {
			at += store.Second / 2
		}
		at += r.Int64N(1000)
		host := []string{"lab-1", "lab-1", "lab-1", "lab-2", "made-up-1", "made-up-2", "/"}[r.IntN(7)]
		one := store.Batch{Hosts: []string{host}}
		switch r.IntN(4) {
		case 0:
			one.Rejections = []store.Rejection{{At: at, CursorHash: r.Uint64(), Reason: store.ReasonUnstamped, Message: "missing"}}
		case 1:
			one.Rejections = []store.Rejection{{At: at, CursorHash: r.Uint64(), Reason: store.ReasonOther, Message: fmt.Sprint("text ", r.IntN(400))}}
		default:
			one.Puts = []store.Put{{At: at, CursorHash: r.Uint64(), Status: []int32{401, 401, 401, 201}[r.IntN(4)]}}
		}
		facts = append(facts, one)
	}
	return facts
}

// saveFlood saves some facts as one batch.
func saveFlood(t *testing.T, s *store.Store, facts []store.Batch) store.Saved {
	t.Helper()
	b := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now + 24*store.Hour}
	for i, f := range facts {
		b.Hosts = append(b.Hosts, f.Hosts[0])
		for _, p := range f.Puts {
			p.Host = int32(i)
			b.Puts = append(b.Puts, p)
		}
		for _, r := range f.Rejections {
			r.Host = int32(i)
			b.Rejections = append(b.Rejections, r)
		}
	}
	return mustSave(t, s, b)
}

// shipping opens a new database in which two hosts have shipped.
func shipping(t *testing.T) *store.Store {
	t.Helper()
	s, _ := mustOpen(t)
	mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "lab-1"}, {Host: "lab-2"}},
		Ships: []store.Ship{{ReceivedAt: now - store.Hour}, {ReceivedAt: now - store.Hour, Series: 1}}})
	return s
}

// TestAFloodIsStoredAlikeHoweverItIsSplit saves the same facts in several ways, which must
// make the same rows and counts: in one batch, in many batches, in overlapping batches as
// after a kill, and all of it again.
func TestAFloodIsStoredAlikeHoweverItIsSplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			facts := flood(r)
			whole, s := shipping(t), shipping(t)
			saved := saveFlood(t, whole, facts)
			if got := saved.Puts + saved.Rejections; got != len(facts) {
				t.Errorf("of %d facts, %d counted", len(facts), got)
			}
			if len(saved.Floods) < 3 {
				t.Errorf("the floods are %+v: too few were tried", saved.Floods)
			}
			want, added := flooded(t, whole), 0
			for from := 0; from < len(facts); {
				to := min(len(facts), from+1+r.IntN(2500))
				saved := saveFlood(t, s, facts[max(0, from-r.IntN(1500)):to])
				added += saved.Puts + saved.Rejections
				from = to
			}
			if added != len(facts) {
				t.Errorf("in pieces, of %d facts %d counted", len(facts), added)
			}
			if diff := gocmp.Diff(want, flooded(t, s)); diff != "" {
				t.Errorf("in pieces (-whole +pieces):\n%s", diff)
			}
			if saved := saveFlood(t, s, facts); saved.Puts+saved.Rejections > 0 || len(saved.Floods) > 0 {
				t.Errorf("read again, saved %+v", saved)
			}
			if diff := gocmp.Diff(want, flooded(t, s)); diff != "" {
				t.Errorf("read again (-before +after):\n%s", diff)
			}
		})
	}
}

// TestTheQuotaIsOfAMinuteAHostAndAKind shows that a flood of one status hides neither
// another status of the host nor another host, and that all counts are right.
func TestTheQuotaIsOfAMinuteAHostAndAKind(t *testing.T) {
	t.Parallel()
	s := shipping(t)
	var facts []store.Batch
	hash := uint64(0)
	puts := func(host string, status int32, n int, at int64) {
		for i := range n {
			hash++
			facts = append(facts, store.Batch{Hosts: []string{host}, Puts: []store.Put{{At: at + int64(i), CursorHash: hash, Status: status}}})
		}
	}
	const quota = store.RowsPerMinute
	puts("lab-1", 401, 5*quota, now)
	puts("lab-1", 201, 7, now+30*store.Second)
	puts("lab-1", 401, quota, now+store.Minute)
	puts("lab-2", 401, quota+1, now+30*store.Second)
	for i := range 2 * quota {
		puts(fmt.Sprint("made-up-", i), 401, 2, now+int64(i)*1000)
	}
	puts("/", 404, 3, now+30*store.Second)
	saved := saveFlood(t, s, facts)
	slices.SortFunc(saved.Floods, func(a, b store.Flood) int { return b.Facts - a.Facts })
	want := []store.Flood{{"lab-1", now / store.Hour, 4 * quota, true}, {"", now / store.Hour, 3 * quota, true}, {"lab-2", now / store.Hour, 1, true}}
	if diff := gocmp.Diff(want, saved.Floods); diff != "" {
		t.Errorf("floods (-want +got):\n%s", diff)
	}
	rows := mustSelect[string](t, s, `
		SELECT replace(host, substr(host, 8, 9), '') || ' ' || status || ' ' || COUNT(*)
		FROM put_log
		WHERE host NOT LIKE 'made-up%'
		GROUP BY host, status
		UNION ALL
		SELECT 'made-up ' || COUNT(*) FROM put_log WHERE host LIKE 'made-up%'
		UNION ALL
		SELECT 'hours ' || SUM(puts_2xx) || ' ' || SUM(puts_4xx) FROM host_hourly`)
	wantRows := []string{"(invali 404 3", "lab-1 201 7", fmt.Sprint("lab-1 401 ", 2*quota), fmt.Sprint("lab-2 401 ", quota),
		fmt.Sprint("made-up ", quota), fmt.Sprint("hours 7 ", len(facts)-7)}
	if diff := gocmp.Diff(wantRows, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	facts = facts[:0]
	puts("lab-1", 401, 3*quota, now+2*store.Minute)
	if saved := saveFlood(t, s, facts); len(saved.Floods) != 1 || saved.Floods[0].First {
		t.Errorf("in the same hour, the floods are %+v, want one that is not the first", saved.Floods)
	}
}

// TestMadeUpMessagesAreBounded: every different text was stored.
func TestMadeUpMessagesAreBounded(t *testing.T) {
	t.Parallel()
	s := shipping(t)
	var facts []store.Batch
	for i := range 3000 {
		host := []string{"lab-1", fmt.Sprint("made-up-", i%600)}[i%2]
		facts = append(facts, store.Batch{Hosts: []string{host}, Rejections: []store.Rejection{{At: now + int64(i)*store.Second, CursorHash: uint64(i),
			Reason: store.ReasonOther, Message: fmt.Sprint("text ", i)}}})
	}
	saveFlood(t, s, facts[:1000])
	saveFlood(t, s, facts[1000:])
	got := mustSelect[string](t, s, `
		SELECT (m.hour - ?) || ' ' || (h.name = 'lab-1') || ' ' || (m.text = '(more messages)') || ' ' || COUNT(*) || ' ' || SUM(m.rejections)
		FROM messages AS m
		JOIN hosts AS h ON h.id = m.host_id
		GROUP BY m.hour, h.name = 'lab-1', m.text = '(more messages)'`, now/store.Hour)
	want := []string{"0 0 0 100 100", "0 0 1 300 1400", "0 1 0 100 100", "0 1 1 1 1400"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("hour, shipping, more, texts, rejections (-want +got):\n%s", diff)
	}
	if n := mustSelect[int](t, s, "SELECT COUNT(*) FROM rejection_log WHERE message = '(more messages)'"); n[0] != 2800 {
		t.Errorf("%d rejections have the text that stands for more, want 2800", n[0])
	}
}
