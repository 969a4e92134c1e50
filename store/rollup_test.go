package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

// fact is the test's model of a raw row of any of the three tables.
type fact struct {
	table, host string
	source      int64
	at          int64
	hash        uint64
	text        string // commit, status or reason
}

// key returns the natural key of a fact.
func (f fact) key() string {
	key := fmt.Sprintf("%s %d %x", f.table, f.at, f.hash)
	if f.table == "ships" {
		key += fmt.Sprintf(" %d %s %s", f.source, f.host, f.text) // its series
	}
	return key
}

// randomFacts makes facts of one source. Some are in order, some late, some of the same
// microsecond, and some from the future.
func randomFacts(r *rand.Rand, source, clock int64) (facts []fact) {
	at := clock - r.Int64N(3*store.Hour)
	for range r.IntN(60) {
		at += r.Int64N(4 * store.Minute)
		stamp := at
		switch r.IntN(10) {
		case 0:
			stamp -= r.Int64N(4 * store.Hour)
		case 1:
			stamp += r.Int64N(6 * store.Hour)
		case 2:
			stamp -= stamp % store.Hour // on the hour, many at once
		}
		f := fact{source: source, at: stamp, hash: r.Uint64N(3) << 62,
			host: []string{"a", "b", "c", store.InvalidHost}[r.IntN(4)]}
		switch f.table = []string{"ships", "puts", "rejections"}[r.IntN(3)]; f.table {
		case "ships":
			commit := r.IntN(3)
			f.text = []string{"", "one", "two"}[commit]
			f.hash += uint64(commit) // the hash covers the whole line
		case "puts":
			f.text = []string{"200", "201", "404", "503"}[r.IntN(4)]
		case "rejections":
			f.text = []string{store.ReasonUnstamped, store.ReasonOther}[r.IntN(2)]
		}
		facts = append(facts, f)
	}
	return facts
}

// batchOf makes a batch of facts.
func batchOf(facts []fact, source, clock int64) *store.Batch {
	b := &store.Batch{Source: source, Now: clock}
	for i, f := range facts {
		name := f.host
		if name == store.InvalidHost {
			name = strings.Repeat("/", i+1)
		}
		b.Hosts = append(b.Hosts, name)
		b.Series = append(b.Series, store.Series{Host: name, Commit: f.text})
		switch f.table {
		case "ships":
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: f.at, LineHash: f.hash, Series: int32(i)})
		case "puts":
			var status int32
			fmt.Sscan(f.text, &status)
			b.Puts = append(b.Puts, store.Put{At: f.at, CursorHash: f.hash, Host: int32(i), Status: status})
		case "rejections":
			b.Rejections = append(b.Rejections, store.Rejection{At: f.at, CursorHash: f.hash, Host: int32(i), Reason: f.text})
		}
	}
	return b
}

// TestRollupsEqualTheRawRows saves random batches of several sources, with duplicates, out
// of order, and from the future. It compares the tables with rows computed from the facts.
func TestRollupsEqualTheRawRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 2))
			s, _ := mustOpen(t)
			sources := []int64{mustSource(t, s, store.StreamIndex), mustSource(t, s, store.StreamJournal), mustSource(t, s, "another")}
			known := map[string]fact{}
			var all []fact
			clock := now
			for range 3 + r.IntN(10) {
				clock += r.Int64N(2 * store.Hour)
				source := sources[r.IntN(len(sources))]
				var facts []fact
				seen := map[string]bool{}
				for _, f := range randomFacts(r, source, clock) {
					// Two facts cannot share a key, because the hash covers the whole fact.
					if old, ok := known[f.key()]; ok {
						f.text, f.host = old.text, old.host
					} else if seen[f.key()] {
						continue
					}
					seen[f.key()] = true
					facts = append(facts, f)
				}
				for range r.IntN(20) {
					if len(facts) > 0 {
						facts = append(facts, facts[r.IntN(len(facts))])
					}
					if len(all) > 0 {
						facts = append(facts, all[r.IntN(len(all))])
					}
				}
				fresh := 0
				for _, f := range facts {
					if f.source = source; known[f.key()].table == "" {
						known[f.key()] = f
						all = append(all, f)
						fresh++
					}
				}
				saved := mustSave(t, s, batchOf(facts, source, clock))
				if got := saved.Ships + saved.Puts + saved.Rejections; got != fresh {
					t.Errorf("stored %d facts, want %d", got, fresh)
				}
				if r.IntN(3) == 0 {
					if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.CatchUp(clock) }); err != nil {
						t.Fatal(err)
					}
				}
				if r.IntN(3) == 0 {
					mustFinishDays(t, s, clock)
				}
			}
			mustFinishDays(t, s, clock)
			if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.CatchUp(clock) }); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(computed(all, clock), stored(t, s)); diff != "" {
				t.Errorf("tables differ (-computed +stored):\n%s", diff)
			}
			// Several sources, and hosts that have facts in one table alone.
			if _, got := ask(t, s, hourlyDiffers); got != "0|0\n" {
				t.Errorf("host_hourly has rows that the raw rows do not say, and lacks others: %s", got)
			}
		})
	}
}

// hourlyDiffers counts the rows of host_hourly that do not follow from the raw rows, and the
// rows that are missing.
const hourlyDiffers = `
WITH raw AS (
  SELECT received_at / 3600000000 AS hour, host_id, 1 AS ships, 0 AS status, 0 AS unstamped
  FROM ships
  JOIN series ON series.id = series_id
  UNION ALL
  SELECT at / 3600000000, host_id, 0, status, 0 FROM puts
  UNION ALL
  SELECT at / 3600000000, host_id, 0, 0, reason = 'unstamped' FROM rejections JOIN messages ON messages.id = message_id
),
want AS (
  SELECT
    strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch'),
    name,
    SUM(ships),
    SUM(status / 100 = 2),
    SUM(status / 100 = 4),
    SUM(status / 100 = 5),
    SUM(unstamped),
    hour
  FROM raw
  JOIN hosts ON hosts.id = host_id
  GROUP BY hour, host_id
)
SELECT
  (SELECT COUNT(*) FROM (SELECT * FROM host_hourly EXCEPT SELECT * FROM want)),
  (SELECT COUNT(*) FROM want) - (SELECT COUNT(*) FROM host_hourly)`

// daysAmiss finds rows of days that are not the sums of their hours, and sums without a row.
// An open day has no rows.
const daysAmiss = `
WITH
  of_hours AS (
    SELECT 'ships' AS kind, hour / 24 AS day, host_id, '' AS what, SUM(ships) AS n FROM ship_hours WHERE hour / 24 NOT IN open_days GROUP BY 2, 3
    UNION ALL
    SELECT 'puts', hour / 24, host_id, status, SUM(puts) FROM put_hours WHERE hour / 24 NOT IN open_days GROUP BY 2, 3, 4
    UNION ALL
    SELECT 'rejections', hour / 24, host_id, reason, SUM(rejections) FROM rejection_hours WHERE hour / 24 NOT IN open_days GROUP BY 2, 3, 4
  ),
  of_days AS (
    SELECT 'ships' AS kind, day, host_id, '' AS what, ships AS n FROM ship_days
    UNION ALL
    SELECT 'puts', day, host_id, status, puts FROM put_days
    UNION ALL
    SELECT 'rejections', day, host_id, reason, rejections FROM rejection_days
  )
SELECT kind || ' ' || day AS amiss FROM (SELECT * FROM of_hours EXCEPT SELECT * FROM of_days)
UNION ALL
SELECT kind || ' ' || day FROM (SELECT * FROM of_days EXCEPT SELECT * FROM of_hours)`

// stored returns the rows of the rollups and of hosts.
func stored(t *testing.T, s *store.Store) []string {
	t.Helper()
	rows := mustSelect[string](t, s, `
		SELECT 'ships ' || hour || ' ' || h.name || ' ' || source_id || ': ' || ships || ' ' || first_at || ' ' || last_at
		  || ' gap ' || longest_gap || ' commits ' || COALESCE(f.name, '-') || ' ' || COALESCE(l.name, '-') || ' ' || commit_changes
		FROM ship_hours
		JOIN hosts AS h ON h.id = host_id
		LEFT JOIN code_commits AS f ON f.id = first_commit_id
		LEFT JOIN code_commits AS l ON l.id = last_commit_id
		UNION ALL
		SELECT 'puts ' || hour || ' ' || name || ' ' || source_id || ' ' || status || ': ' || puts
		FROM put_hours JOIN hosts ON hosts.id = host_id
		UNION ALL
		SELECT 'rejections ' || hour || ' ' || name || ' ' || source_id || ' ' || reason || ': ' || rejections
		FROM rejection_hours JOIN hosts ON hosts.id = host_id
		UNION ALL
		SELECT 'days that are not their hours: ' || amiss
		FROM (`+daysAmiss+`)
		UNION ALL
		SELECT 'host ' || name || ': ' || first_seen_at || ' ship ' || COALESCE(last_ship_at, 0) || ' ' || COALESCE(next_ship_at, 0)
		  || ' put ' || COALESCE(last_put_at, 0) || ' ' || COALESCE(next_put_at, 0)
		FROM hosts`)
	slices.Sort(rows)
	return rows
}

// computed returns the rows that the rollups and hosts must have.
func computed(facts []fact, clock int64) (rows []string) {
	facts = slices.Clone(facts)
	slices.SortFunc(facts, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(int64(a.hash), int64(b.hash)))
	})
	orDash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	counts := map[string]int{}
	shipHours := map[string][]fact{}
	hosts := map[string][]fact{}
	for _, f := range facts {
		group := fmt.Sprintf("%s %d %s %d", f.table, f.at/store.Hour, f.host, f.source)
		if f.table == "ships" {
			shipHours[group] = append(shipHours[group], f)
		} else {
			counts[group+" "+f.text]++
		}
		hosts[f.host] = append(hosts[f.host], f)
	}
	for group, n := range counts {
		rows = append(rows, fmt.Sprintf("%s: %d", group, n))
	}
	for group, ships := range shipHours {
		gap, changes := int64(0), 0
		for i := 1; i < len(ships); i++ {
			gap = max(gap, ships[i].at-ships[i-1].at)
			if ships[i].text != ships[i-1].text {
				changes++
			}
		}
		first, last := ships[0], ships[len(ships)-1]
		rows = append(rows, fmt.Sprintf("%s: %d %d %d gap %d commits %s %s %d", group, len(ships), first.at, last.at, gap,
			orDash(first.text), orDash(last.text), changes))
	}
	for host, facts := range hosts {
		past, next := map[string]int64{}, map[string]int64{}
		for _, f := range facts {
			if f.at <= clock {
				past[f.table] = f.at
			} else if next[f.table] == 0 {
				next[f.table] = f.at
			}
		}
		rows = append(rows, fmt.Sprintf("host %s: %d ship %d %d put %d %d", host, facts[0].at,
			past["ships"], next["ships"], past["puts"], next["puts"]))
	}
	slices.Sort(rows)
	return rows
}
