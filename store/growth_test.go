package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
)

// TestRejectionsKeepTheirTextsInAMigration shows that the rows of an older database keep
// their texts, and that rows that are read again are known.
func TestRejectionsKeepTheirTextsInAMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fleet.db")
	old(t, path, 6, 1)
	db, err := sqlx.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.MustExec("INSERT INTO sources (id, receiver, stream) VALUES (1, 'local', ?)", store.StreamJournal)
	db.MustExec("INSERT INTO hosts (id, name, first_seen_at, last_put_at) VALUES (1, 'lab-1', 5, 5), (2, 'lab-2', 5, NULL)")
	b := &store.Batch{Source: 1, Now: now + store.Hour, Hosts: []string{"lab-1", "lab-2"}}
	for i := range int64(500) {
		r := store.Rejection{At: now - 3*store.Hour + i*store.Minute/2, CursorHash: uint64(i), Host: int32(i % 2), Reason: store.ReasonOther, Message: fmt.Sprint("no. ", i%7)}
		if i%3 == 0 {
			r.Reason = store.ReasonUnstamped
		}
		db.MustExec("INSERT INTO rejections (at, cursor_hash, host_id, reason, message, source_id) VALUES (?, ?, ?, ?, ?, 1)",
			r.At, int64(r.CursorHash), r.Host+1, r.Reason, r.Message)
		b.Rejections = append(b.Rejections, r)
	}
	var want []string
	const logged = "SELECT at || host || reason || message || at_us FROM rejection_log ORDER BY at_us"
	if err := db.Select(&want, logged); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := mustReopen(t, path)
	if diff := gocmp.Diff(want, mustSelect[string](t, s, logged)); diff != "" {
		t.Errorf("rejection_log (-before +after):\n%s", diff)
	}
	if got := mustSelect[int64](t, s, "SELECT last_word_at FROM hosts ORDER BY id"); got[0] != b.Rejections[498].At || got[1] != b.Rejections[499].At {
		t.Errorf("the hosts' last words were at %d, want %d and %d", got, b.Rejections[498].At, b.Rejections[499].At)
	}
	if saved := mustSave(t, s, b); saved.Rejections != 0 {
		t.Errorf("read again, %d rejections are new", saved.Rejections)
	}
	b.Rejections = []store.Rejection{{At: now + 1, CursorHash: 1, Reason: store.ReasonOther, Message: "no. 1"}}
	mustSave(t, s, b)
	if n := mustSelect[int](t, s, "SELECT COUNT(*) - SUM(rejections) + (SELECT COUNT(*) FROM rejections) FROM messages"); n[0] != len(mustSelect[int](t, s, "SELECT 1 FROM messages")) {
		t.Error("messages do not count the rejections that there are")
	}
}
