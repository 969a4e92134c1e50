package cli

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/sandbox"
)

// TestTheReadEndsWithTheTime: after a query that nobody read, no read transaction may keep
// the write-ahead log large.
func TestTheReadEndsWithTheTime(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	statement, err := sandbox.ParseStatement("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT i FROM n, sqlite_schema")
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	defer reader.Close()
	u := until{ctx, writer}
	err = sandbox.Query{Statement: statement}.Run(ctx, db, func([]string) error { return nil }, func([]any) error { _, err := u.Write([]byte("x")); return err })
	if !errors.Is(err, errNotRead) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want %v", err, errNotRead)
	}
	if _, err := s.Source(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Checkpoint(t.Context()); err != nil || left != 0 {
		t.Errorf("%d bytes are left of the log of %s, %v", left, filepath.Base(db), err)
	}
}
