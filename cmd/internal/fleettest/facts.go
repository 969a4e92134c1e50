package fleettest

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// Now is the clock of most tests.
var Now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// Ship returns a line of the index.
func Ship(host string, at time.Time) string {
	return fmt.Sprintf(`{"host_id": %q, "received_at_wall": %q}`+"\n", host, isotime.Format(at.UnixMicro()))
}

// Entry returns an entry of the receiver in a dump of its journal. at is in microseconds.
func Entry(cursor int, at int64, message string) string {
	return fmt.Sprintf("__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_SYSTEMD_UNIT=cis490-receiver.service\nMESSAGE=%s\n\n", cursor, at, message)
}

// JournalRemote is the program that writes journal files.
const JournalRemote = "/lib/systemd/systemd-journal-remote"

// JournalEntry returns an entry for a journal file. fields are further fields.
func JournalEntry(at, monotonic int64, boot int, fields string) string {
	return fmt.Sprintf("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n_MACHINE_ID=%032x\nPRIORITY=6\n_PID=77\n%s\n\n",
		at, monotonic, 5+boot, 6, fields)
}

// WriteJournal appends entries in journalctl's export format to a journal file.
func WriteJournal(t *testing.T, path string, entries []byte) {
	t.Helper()
	remote := exec.Command(JournalRemote, "-o", path, "-")
	remote.Stdin = bytes.NewReader(entries)
	if out, err := remote.CombinedOutput(); err != nil {
		t.Fatalf("journal-remote: %v\n%s", err, out)
	}
}

// Asked returns the rows of queries with one column.
func Asked(t *testing.T, dir string, queries ...string) (out string) {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), dir+"/fleet.db")
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *store.Tx) error {
		for _, query := range queries {
			var rows []string
			if err := tx.Select(&rows, query); err != nil {
				return err
			}
			out += "--\n" + strings.Join(rows, "\n") + "\n"
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return out
}
