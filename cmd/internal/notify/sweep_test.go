package notify_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
)

// TestDisturbedAtAnyWriteNothingIsLost kills a run at a write to the database, or makes that
// write fail. The next run sends what is left; what it sends again has the same id.
func TestDisturbedAtAnyWriteNothingIsLost(t *testing.T) {
	t.Parallel()
	fleettest.NeedStrace(t)
	r := newReceiver(t, nil)
	f := newFleet(t, r.URL)
	f.open("lab-1", "lab-2", "lab-3")
	path := f.path()
	if _, err := f.s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config := writeConfig(t, r.URL)
	dir := fleettest.MemoryDir(t)
	args := []string{"notify", "--db", filepath.Join(dir, "fleet.db"), "--config", config, "--now", fleettest.Now.Format("2006-01-02T15:04:05Z")}
	run := func(fault string) (writes int) {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, file := range files {
			os.Remove(file)
		}
		if err := os.WriteFile(args[2], sound, 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(r.messages(t))
		more := []string{"-e", "trace=pwrite64"}
		if fault != "" {
			more = append(more, "-e", "inject=pwrite64:"+fault)
		}
		trace, _, _ := fleettest.UnderStrace(t, filepath.Join(t.TempDir(), "trace"), args, more...)
		if _, code, said := fleettest.UnderStrace(t, filepath.Join(t.TempDir(), "trace"), args, "-e", "trace=none"); code != 0 {
			t.Errorf("%s: the next run: exit %d\n%s", fault, code, said)
		}
		told, ids := map[string]int{}, map[string]bool{}
		var order []string
		for _, m := range r.messages(t)[before:] {
			told[m.Subject]++
			ids[m.DeliveryID] = true
			if told[m.Subject] == 1 {
				order = append(order, m.Subject)
			}
		}
		if !slices.Equal(order, []string{"lab-1", "lab-2", "lab-3"}) || len(ids) != 3 {
			t.Errorf("%s: it was told %v in the order %v, with %d ids", fault, told, order, len(ids))
		}
		s, err := store.OpenReadOnly(t.Context(), args[2])
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		delivered := 0
		if err := s.View(t.Context(), func(tx *store.Tx) error {
			return tx.Get(&delivered, "SELECT COUNT(*) FROM deliveries WHERE state = 'delivered'")
		}); err != nil || delivered != 3 {
			t.Errorf("%s: %d of 3 events are delivered (%v)", fault, delivered, err)
		}
		return bytes.Count(trace, []byte("pwrite64("))
	}
	all := run("")
	if all < 10 {
		t.Fatalf("only %d writes were seen", all)
	}
	points, step := 0, fleettest.LongOr(1, 1+all/6)
	for n := 1; n <= all; n += step {
		for _, fault := range []string{"signal=KILL", "error=ENOSPC", "error=EIO"} {
			run(fmt.Sprintf("%s:when=%d", fault, n))
			points++
		}
	}
	t.Logf("sweep: %s: %d points of a run with %d writes: kill, ENOSPC, EIO", t.Name(), points, all)
}
