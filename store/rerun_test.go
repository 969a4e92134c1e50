package store_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// judgedHour makes a database of an hour's passes. The facts of lab-2 came late.
func judgedHour(t *testing.T) (path string) {
	t.Helper()
	s, path := mustOpen(t)
	now := int64(400_000) * store.Hour
	for n := range 12 {
		now += 5 * store.Minute
		hosts := []string{"lab-1"}
		if n == 11 {
			hosts = []string{"lab-1", "lab-2"}
		}
		for h, host := range hosts {
			ship := &store.Batch{Source: mustSource(t, s, store.StreamIndex), Now: now, Series: []store.Series{{Host: host}}}
			put := &store.Batch{Source: mustSource(t, s, store.StreamJournal), Now: now, Hosts: []string{host}}
			for at := now - 5*store.Minute*int64(1+h*n) + int64(1+h); at <= now; at += store.Minute {
				ship.Ships = append(ship.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(at)})
				put.Puts = append(put.Puts, store.Put{At: at, CursorHash: uint64(at), Status: 201})
			}
			mustSave(t, s, ship)
			mustSave(t, s, put)
		}
		pass := store.Pass{StartedAt: now, AsOf: now}
		if err := s.BeginPass(t.Context(), &pass); err != nil {
			t.Fatal(err)
		}
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			_, err := detect.Follow(tx, detect.DefaultThresholds(), detect.Sources{}, nil, now, pass.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// rerun judges the passes again. It calls each after every pass, and then at the end.
func rerun(t *testing.T, path string, each, then func(*store.Tx) error) {
	t.Helper()
	s, err := store.OpenRerun(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Rerun(t.Context(), func(tx *store.Tx) error {
		passes, err := tx.JudgedPasses(0, store.MaxTime)
		if err != nil {
			return err
		}
		again, err := detect.Before(tx, passes[0], nil)
		if err != nil {
			return err
		}
		for _, pass := range passes[1:] {
			if err := again.Judge(pass, nil); err != nil {
				return err
			}
			if err := each(tx); err != nil {
				return err
			}
		}
		return then(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func nothing(*store.Tx) error { return nil }

// TestARerunReadsTheFactsOfItsPasses: a statement that scans a table of facts would read a
// month for each pass of a month.
func TestARerunReadsTheFactsOfItsPasses(t *testing.T) {
	t.Parallel()
	parameter := regexp.MustCompile(`[:?]\w+|\?`)
	facts := map[string]bool{"recorded": false}
	for _, table := range []string{"ships", "puts", "rejections", "unit_states", "receiver_errors", "ship_hours", "put_hours", "late_facts"} {
		facts[table] = true
	}
	seeks := 0
	rerun(t, judgedHour(t), nothing, func(tx *store.Tx) error {
		for _, statement := range tx.Statements() {
			// An alias hides the table.
			of := map[string]bool{}
			for _, found := range regexp.MustCompile(`(?:FROM|JOIN)\s+(?:recorded\.)?(\w+)\s+AS\s+(\w+)`).FindAllStringSubmatch(statement, -1) {
				of[found[2]] = facts[found[1]]
			}
			of["f"] = true // of the views that hide late facts
			rows, err := tx.Query("EXPLAIN QUERY PLAN " + parameter.ReplaceAllString(statement, "1"))
			if err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
			defer rows.Close()
			for rows.Next() {
				var id, parent, unused int
				var step string
				if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
					return err
				}
				if words := strings.Fields(step + " -"); facts[words[1]] || of[words[1]] {
					if seeks++; words[0] == "SCAN" {
						t.Errorf("%s:\n%s", step, statement)
					}
				}
			}
		}
		return nil
	})
	if seeks < 20 {
		t.Errorf("only %d steps read facts", seeks)
	}
}

// TestLatePutsAreNotCountedYet: the rollup of an hour counted PUTs that no pass had read yet.
func TestLatePutsAreNotCountedYet(t *testing.T) {
	t.Parallel()
	var known []int64
	rerun(t, judgedHour(t), func(tx *store.Tx) error {
		var puts int64
		err := tx.Get(&puts, "SELECT COALESCE(SUM(puts), 0) FROM put_hours JOIN hosts ON hosts.id = host_id WHERE name = 'lab-2'")
		known = append(known, puts)
		return err
	}, nothing)
	// Five came after the time of the pass before, so they were not late.
	if want := append(slices.Repeat([]int64{5}, 11), 60); !slices.Equal(known, want) {
		t.Errorf("the passes knew %d PUTs of lab-2, want %d", known, want)
	}
}

// TestARerunWritesNothing: replay reads the database that a pass writes meanwhile.
func TestARerunWritesNothing(t *testing.T) {
	t.Parallel()
	path := judgedHour(t)
	sum := func() (sum [32]byte) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(data)
	}
	before := sum()
	rerun(t, path, nothing, func(tx *store.Tx) error {
		if _, err := tx.Exec("DELETE FROM recorded.passes"); err == nil {
			t.Error("it may write to the file")
		}
		return nil
	})
	if sum() != before {
		t.Error("the file has changed")
	}
}
