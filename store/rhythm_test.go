package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

func mustUpdate(t *testing.T, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// TestTurnsToLearn: a fleet learnt all its rhythms in one pass each day. Each host has one turn
// in a day, and one in a week once its rhythm is learnt from two weeks; no hour has many.
func TestTurnsToLearn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		days         int64 // that the rhythms are learnt from
		period, most int   // hours between two turns, and hosts in an hour
	}{{3, 24, 48}, {13, 24, 48}, {14, 168, 8}, {28, 168, 8}} {
		t.Run(fmt.Sprintf("%d days", c.days), func(t *testing.T) {
			t.Parallel()
			s, _ := mustOpen(t)
			const hosts = 1000
			begin := 1000 * 7 * day
			mustUpdate(t, s, func(tx *store.Tx) error {
				_, err := tx.Exec(`
					WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
					INSERT INTO hosts (id, name, first_seen_at, last_ship_at) SELECT id, 'lab-' || id, 0, ?2 FROM n`, hosts, begin+14*day)
				return err
			})
			turns := map[int64][]int{} // of each host
			for hour := range 2 * c.period {
				now := begin + int64(hour)*store.Hour
				mustUpdate(t, s, func(tx *store.Tx) error {
					due, err := tx.DueToLearn(now, hosts)
					if hour > 0 && len(due) > c.most {
						t.Errorf("%d hosts have their turn in hour %d, want at most %d", len(due), hour, c.most)
					}
					var learnt []store.Rhythm
					for _, id := range due {
						turns[id] = append(turns[id], hour)
						learnt = append(learnt, store.Rhythm{HostID: id, LearntAt: now, Days: c.days})
					}
					return errors.Join(err, tx.SaveRhythms(learnt))
				})
			}
			for id, hours := range turns {
				// The first turn is that of a host that has no rhythm.
				if n := len(hours); n < 2 || n > 3 || hours[0] != 0 || n == 3 && hours[2]-hours[1] != c.period {
					t.Fatalf("host %d had its turns in hours %v, want one each %d", id, hours, c.period)
				}
			}
			if len(turns) != hosts {
				t.Errorf("%d hosts had a turn, want %d", len(turns), hosts)
			}
		})
	}
}

// TestAMissedTurnComesFirst: if more hosts have their turn than a pass learns, none waits for ever.
func TestAMissedTurnComesFirst(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	const hosts, most = 480, 10 // 24 have their turn in each hour
	mustUpdate(t, s, func(tx *store.Tx) error {
		_, err := tx.Exec(`
			WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
			INSERT INTO hosts (id, name, first_seen_at, last_ship_at) SELECT id, 'lab-' || id, 0, ?2 FROM n`, hosts, 1000*day)
		return err
	})
	seen := map[int64]bool{}
	for hour := range int64(hosts / most) {
		now := 1000*day + hour*store.Hour
		mustUpdate(t, s, func(tx *store.Tx) error {
			due, err := tx.DueToLearn(now, most)
			var learnt []store.Rhythm
			for _, id := range due {
				seen[id] = true
				learnt = append(learnt, store.Rhythm{HostID: id, LearntAt: now})
			}
			return errors.Join(err, tx.SaveRhythms(learnt))
		})
	}
	if len(seen) != hosts {
		t.Errorf("%d of %d hosts had a turn", len(seen), hosts)
	}
}

// TestHoursOfNeighbours: hosts that ship through two indexes have one row for each in an hour.
func TestHoursOfNeighbours(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	minute := store.Minute
	for i, ships := range []map[string][]int64{
		{"a": {5 * minute, 25 * minute, 65 * minute}, "b": {7 * minute}, "c": {9 * minute}},
		{"a": {2 * minute, 55 * minute}, "c": {3 * store.Hour}},
	} {
		source := mustSource(t, s, []string{store.StreamIndex, "index of another"}[i])
		b := &store.Batch{Source: source, Now: now}
		for _, host := range []string{"a", "b", "c"} {
			for _, at := range ships[host] {
				b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(at), Series: int32(len(b.Series))})
			}
			b.Series = append(b.Series, store.Series{Host: host})
		}
		mustSave(t, s, b)
	}
	// Of 6 PUTs of a in its first hour 4 were ships, and 2 came in an hour without one.
	puts := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now, Hosts: []string{"a"}}
	for i, at := range []int64{2, 5, 25, 30, 40, 55, 65, 66, 130, 170, 245} {
		puts.Puts = append(puts.Puts, store.Put{At: at * minute, CursorHash: uint64(i), Status: 412})
	}
	mustSave(t, s, puts)
	mustSave(t, s, &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: "a"}},
		Ships: []store.Ship{{ReceivedAt: 240 * minute, LineHash: 240}}})
	ids := mustSelect[int64](t, s, "SELECT id FROM hosts ORDER BY name")
	var got map[int64][]store.ShippedHour
	mustUpdate(t, s, func(tx *store.Tx) (err error) {
		got, err = tx.ShippedHours(slices.Min(ids[:2]), slices.Max(ids[:2]), 0, 5)
		return err
	})
	want := map[int64][]store.ShippedHour{
		ids[0]: {{Hour: 0, Ships: 4, FirstAt: 2 * minute, LastAt: 55 * minute, LongestGap: 53 * minute, Vain: 2},
			{Hour: 1, Ships: 1, FirstAt: 65 * minute, LastAt: 65 * minute, Vain: 3},
			{Hour: 4, Ships: 1, FirstAt: 240 * minute, LastAt: 240 * minute, Vain: 3}},
		ids[1]: {{Hour: 0, Ships: 1, FirstAt: 7 * minute, LastAt: 7 * minute}},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("hours of two hosts (-want +got):\n%s", diff)
	}
}

// TestADamagedHourIsNoPanic: the hour of a row was taken from its first ship, and a damaged one
// was an index out of range.
func TestADamagedHourIsNoPanic(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	mustSave(t, s, aDay(mustSource(t, s, store.StreamIndex), store.Hour+1))
	mustUpdate(t, s, func(tx *store.Tx) error {
		if _, err := tx.Exec("UPDATE ship_hours SET first_at = -?", 5*store.Hour); err != nil {
			return err
		}
		hours, err := tx.ShippedHours(0, 10, 0, 3)
		for _, list := range hours {
			if len(list) != 1 || list[0].Hour != 1 {
				t.Errorf("the host shipped in %v, want hour 1", list)
			}
		}
		if len(hours) != 1 {
			t.Errorf("%d hosts shipped, want 1", len(hours))
		}
		return err
	})
}
