package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	gocmp "github.com/google/go-cmp/cmp"
)

const day = 24 * store.Hour

// TestEveryTableIsPruned saves eighty days, each with new names, commits, messages, gaps,
// alerts and quarantined lines. No table may keep growing, and none may lose rows that are
// needed.
func TestEveryTableIsPruned(t *testing.T) {
	t.Parallel()
	const days, kept = 80, 10
	s, path := mustOpen(t)
	tables := mustSelect[string](t, s, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY name")
	count := func() map[string]int {
		n := map[string]int{}
		for _, table := range tables {
			n[table] = mustSelect[int](t, s, "SELECT COUNT(*) FROM "+table)[0]
		}
		return n
	}
	var half map[string]int
	for d := range int64(days) {
		growADay(t, s, now+d*day)
		opts := store.PruneOptions{Before: now + (d-kept)*day, Alerts: now + (d-2*kept)*day, Rows: 400}
		mustPrune(t, s, opts)
		mustFinishDays(t, s, now+d*day)
		if d%20 == 19 {
			s.Close()
			s = mustReopen(t, path)
		}
		if d == days/2 {
			half = count()
		}
	}
	for table, n := range count() {
		// A commit that a rollup names stays as long as the rollup.
		rollup := strings.HasSuffix(table, "_hours") || strings.HasSuffix(table, "_days") || table == "passes"
		named := table == "series" || table == "code_commits"
		if !rollup && !named && table != "alerts" && n > half[table]+half[table]/10+3 {
			t.Errorf("%s had %d rows after %d days, and has %d after %d", table, half[table], days/2, n, days)
		}
	}
	if n := mustSelect[int](t, s, "SELECT COUNT(*) FROM code_commits")[0]; n > 2*days+10*kept+20 {
		t.Errorf("%d commits are known of %d made up", n, 10*days)
	}
	for what, query := range map[string]string{
		"ships without a series":           "SELECT COUNT(*) FROM ships WHERE series_id NOT IN (SELECT id FROM series)",
		"rollups without their commit":     "SELECT COUNT(*) FROM ship_hours WHERE first_commit_id NOT IN (SELECT id FROM code_commits) OR last_commit_id NOT IN (SELECT id FROM code_commits)",
		"rejections without a message":     "SELECT COUNT(*) FROM rejections WHERE message_id NOT IN (SELECT id FROM messages)",
		"errors without a text":            "SELECT COUNT(*) FROM receiver_errors WHERE text_id NOT IN (SELECT id FROM error_texts)",
		"states of the unit that are gone": fmt.Sprintf("SELECT COUNT(*) <> %d FROM unit_states", 21*(kept+1)+1),
		"PUTs without a host":              "SELECT COUNT(*) FROM puts WHERE host_id NOT IN (SELECT id FROM hosts)",
		"rollups without a host":           "SELECT COUNT(*) FROM put_hours WHERE host_id NOT IN (SELECT id FROM hosts)",
		"open gaps that are gone":          "SELECT COUNT(*) = 0 FROM gaps WHERE reason = 'source-unread' AND recovered_at IS NULL",
		"alerts that are too old":          fmt.Sprintf("SELECT COUNT(*) > %d FROM alerts WHERE exported_at IS NOT NULL", 2*kept+1),
		"alerts not exported and gone":     fmt.Sprintf("SELECT COUNT(*) <> %d FROM alerts WHERE exported_at IS NULL", days/10),
		"hours of lab-1 that are gone":     fmt.Sprintf("SELECT COUNT(DISTINCT hour) <> %d FROM put_hours WHERE host_id = (SELECT id FROM hosts WHERE name = 'lab-1')", days),
		"foreign keys that are not held":   "SELECT 1 - foreign_keys FROM pragma_foreign_keys",
		"days that are not their hours":    "SELECT COUNT(*) FROM (" + daysAmiss + ")",
		"events without an incident":       "SELECT COUNT(*) FROM incident_events WHERE incident_id NOT IN (SELECT id FROM incidents)",
		"hosts without an incident":        "SELECT COUNT(*) FROM incident_hosts WHERE incident_id NOT IN (SELECT id FROM incidents)",
		"causes that are gone":             "SELECT COUNT(*) FROM incidents WHERE explained_by NOT IN (SELECT id FROM incidents)",
	} {
		if n := mustSelect[int](t, s, query); n[0] != 0 {
			t.Errorf("%s: %d", what, n[0])
		}
	}
	// Neither remaining nor deleted facts count again.
	before := stored(t, s)
	for d := range int64(days) {
		growADay(t, s, now+d*day)
	}
	if diff := gocmp.Diff(withoutMadeUp(before), withoutMadeUp(stored(t, s))); diff != "" {
		t.Errorf("read again (-before +after):\n%s", diff)
	}
}

// withoutMadeUp leaves out the deleted names: if they are read again, they are new.
func withoutMadeUp(rows []string) (kept []string) {
	for _, row := range rows {
		if !strings.Contains(row, "made-up-") {
			kept = append(kept, row)
		}
	}
	return kept
}

// growADay saves the facts of a bad day: ships of a host with a new commit each time, an
// invented name, and new rows for every other table.
func growADay(t *testing.T, s *store.Store, at int64) {
	t.Helper()
	d := (at - now) / day
	b := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: at + store.Hour, Hosts: []string{"lab-1", fmt.Sprint("made-up-", d)},
		Gaps: []store.Gap{{Reason: store.GapVacuumed, From: at, To: at + store.Minute, Detail: "d"}}}
	if d == 3 {
		b.Gaps = append(b.Gaps, store.Gap{Reason: store.GapUnread, From: at, To: at + store.Minute})
	}
	for i := range int64(10) {
		b.Series = append(b.Series, store.Series{Host: "lab-1", Commit: fmt.Sprint("commit ", 10*d+i)})
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: at + i*store.Second, LineHash: uint64(i), Series: int32(i)})
	}
	for i := range int64(250) {
		hash := uint64(d*1000 + i)
		b.Puts = append(b.Puts, store.Put{At: at + i*1000, CursorHash: hash, Host: int32(i % 2), Status: 401}, store.Put{At: at + i*1000, CursorHash: hash + 500, Status: 401})
		b.Rejections = append(b.Rejections, store.Rejection{At: at + i*1000, CursorHash: hash, Host: int32(i % 2), Reason: store.ReasonOther, Message: fmt.Sprint(hash)})
	}
	for i := range int64(30) {
		hash := uint64(d*1000 + i)
		b.UnitChanges = append(b.UnitChanges, store.UnitChange{At: at + i*1000, CursorHash: hash, State: store.UnitStarted})
		b.Errors = append(b.Errors, store.ReceiverError{At: at + i*1000, CursorHash: hash, Kind: store.KindError, Text: fmt.Sprint(hash)})
	}
	b.Quarantine.Add(store.Quarantined{Reason: fmt.Sprint("reason ", d), Position: d, LineHash: uint64(d)}, func() []byte { return nil })
	mustSave(t, s, b)
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		a := store.Alert{DedupKey: fmt.Sprint(d), Host: "lab-1", DetectedAt: at, LastFoundAt: at}
		a.ExportedAt.Int64, a.ExportedAt.Valid = at, d%10 > 0
		_, err := tx.AddAlert(a)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestADatabaseIsPrunedToItsSize shows that the oldest hours of all tables are deleted
// first, that needed ones stay, and that deleted facts do not come back.
func TestADatabaseIsPrunedToItsSize(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	r := rand.New(rand.NewPCG(5, 5))
	batch := func(hours ...int64) *store.Batch {
		b := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now + 99*store.Hour, Hosts: []string{"a"}, Series: []store.Series{{Host: "a"}}}
		for _, hour := range hours {
			for i := range int64(5000) {
				b.Ships = append(b.Ships, store.Ship{ReceivedAt: now + hour*store.Hour + i*store.Second/2, LineHash: r.Uint64()})
				b.Puts = append(b.Puts, store.Put{At: now + hour*store.Hour + i*store.Second/2, CursorHash: r.Uint64(), Status: 200})
			}
		}
		return b
	}
	hours := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	r = rand.New(rand.NewPCG(5, 5))
	mustSave(t, s, batch(hours...))
	rollups := stored(t, s)
	prune := func(opts store.SizeOptions) (store.Pruned, bool) {
		t.Helper()
		p, needed, err := s.PruneToSize(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		return p, needed
	}
	all := now + 99*store.Hour
	if p, needed := prune(store.SizeOptions{Max: 1 << 30, Before: all}); p.Raw() != 0 || needed || !p.Whole {
		t.Errorf("of a small database, pruned %+v, %t", p, needed)
	}
	if p, needed := prune(store.SizeOptions{Max: 1 << 20, Before: all, GoOn: steps(2)}); p.Raw() != 8000 || needed || p.Whole {
		t.Errorf("in two steps, pruned %+v, %t", p, needed)
	}
	p, needed := prune(store.SizeOptions{Max: 1 << 20, Before: all})
	if p.Ships == 0 || p.Puts == 0 || needed || !p.Whole {
		t.Errorf("pruned %+v, %t", p, needed)
	}
	if _, err := s.GiveBack(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 1<<20+300*4096 {
		t.Errorf("the file has %d bytes (%v), more than a MiB and its slack", info.Size(), err)
	}
	for _, table := range []string{"ships", "puts"} {
		if at := prunedBefore(t, s, table); at <= now+store.Hour || at > now+9*store.Hour {
			t.Errorf("%s are pruned up to %s", table, isotime.Format(at))
		}
	}
	r = rand.New(rand.NewPCG(5, 5))
	if saved := mustSave(t, s, batch(hours...)); saved.Ships+saved.Puts != 0 || saved.Expired == 0 {
		t.Errorf("read again, saved %+v", saved)
	}
	if diff := gocmp.Diff(rollups, stored(t, s)); diff != "" {
		t.Errorf("the rollups have changed (-before +after):\n%s", diff)
	}
	if _, needed := prune(store.SizeOptions{Max: 1, Before: now + 9*store.Hour + store.Minute}); !needed {
		t.Error("that the rest is needed is not said")
	}
	if n := mustSelect[int](t, s, "SELECT (SELECT COUNT(*) FROM ships) || (SELECT COUNT(*) FROM puts)"); n[0] != 50005000 {
		t.Errorf("of the hour that is needed, %d ships and PUTs are left, want 5000 each", n[0])
	}
}

// TestMessagesGoWithTheirRejections: pruning to a size deleted rejections but kept their
// texts, and then deleted ships of all hours instead.
func TestMessagesGoWithTheirRejections(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	source, text, hash := mustSource(t, s, store.StreamIndex), strings.Repeat("x", 200), uint64(0)
	for hour := range int64(40) {
		b := &store.Batch{Source: source, Now: now + 99*store.Hour, Hosts: []string{"a"}, Series: []store.Series{{Host: "a"}}}
		for i := range int64(store.TextsPerHour) {
			hash++
			at := now + hour*store.Hour + i*store.Second
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: hash})
			b.Rejections = append(b.Rejections, store.Rejection{At: at, CursorHash: hash, Reason: store.ReasonOther, Message: fmt.Sprint(text, hash)})
		}
		mustSave(t, s, b)
	}
	if _, _, err := s.PruneToSize(t.Context(), store.SizeOptions{Max: 1 << 20, Before: now + 99*store.Hour, Rows: 100}); err != nil {
		t.Fatal(err)
	}
	if n := mustSelect[int](t, s, "SELECT COUNT(*) FROM messages WHERE hour < (SELECT MIN(at) FROM rejections) / 3600000000"); n[0] != 0 {
		t.Errorf("%d messages have no rejection any more", n[0])
	}
	if n := mustSelect[int](t, s, "SELECT COUNT(*) FROM ships"); n[0] < 2000 {
		t.Errorf("%d ships of 4,000 are left beside the messages", n[0])
	}
}

// TestSeriesOfARollupCostPruningNothing: for each series that stays, a step of pruning read
// all hours of its host. For 4 hosts and 1,095 commits it took 48 s, and a pass with a time
// limit started it again each time. Now a step reads only the series that it deletes.
func TestSeriesOfARollupCostPruningNothing(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	const commits, hour = 3000, now - now%store.Hour
	b := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now}
	for i := range int32(commits) {
		b.Series = append(b.Series, store.Series{Host: "lab-1", Commit: fmt.Sprint(i)})
		// Odd commits are in the middle of the hour, between two others.
		at := hour + int64(i/2*2-commits)*store.Hour
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: at + int64(i%2)*store.Second, LineHash: uint64(i), Series: i})
		if i%2 == 1 {
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at + 2*store.Second, LineHash: uint64(i), Series: i - 1})
		}
	}
	mustSave(t, s, b)
	asked := 0
	p := mustPrune(t, s, store.PruneOptions{Before: now + day, GoOn: func() bool { asked++; return true }})
	if p.Ships != len(b.Ships) || !p.Whole {
		t.Fatalf("%+v, want all %d ships", p, len(b.Ships))
	}
	if left := mustSelect[int](t, s, "SELECT COUNT(*) FROM series")[0]; left != commits/2 {
		t.Errorf("%d series are left, want the %d that the rollup names", left, commits/2)
	}
	if left := mustSelect[int](t, s, "SELECT COUNT(*) FROM code_commits WHERE CAST(name AS INTEGER) % 2 = 1")[0]; left != 0 {
		t.Errorf("%d commits are left that nothing names", left)
	}
	// There are 1,500 series, 401 per step, and one step for each other table.
	if asked > 12 {
		t.Errorf("it took %d steps", asked)
	}
	// A rollup that is recomputed marks the series that it names.
	late := &store.Batch{Source: b.Source, Now: now + 3*day, Series: []store.Series{{Host: "lab-1", Commit: "a"}, {Host: "lab-1", Commit: "b"}},
		Ships: []store.Ship{{ReceivedAt: now + 2*day + store.Minute, LineHash: 1}}}
	mustSave(t, s, late)
	late.Ships = []store.Ship{{ReceivedAt: now + 2*day, LineHash: 2, Series: 1}}
	mustSave(t, s, late)
	mustPrune(t, s, store.PruneOptions{Before: now + 4*day})
	if left := mustSelect[int](t, s, "SELECT COUNT(*) FROM code_commits WHERE name IN ('a', 'b')")[0]; left != 2 {
		t.Errorf("%d of the two commits are left that a late ship's rollup names", left)
	}
}
