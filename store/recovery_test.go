package store_test

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store"
)

// TestAReaderWaitsForTheShm: a reader that may not write failed with "attempt to write a readonly
// database (264)" if it came while another process made the -shm anew or wrote to its header.
func TestAReaderWaitsForTheShm(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// While a process has the database open, others take its -shm as it is.
	holder := exec.Command(need(t, "sqlite3"), path)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := holder.Wait(); err != nil {
			t.Error(err)
		}
	})
	in.Write([]byte("SELECT COUNT(*) FROM sqlite_schema;\n"))
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("sqlite3 says nothing")
	}
	shm, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer shm.Close()
	header := make([]byte, 96) // both copies
	if _, err := shm.ReadAt(header, 0); err != nil {
		t.Fatal(err)
	}
	// unsound makes the header unsound for a moment, long enough for a reader to fail.
	unsound := func() {
		if _, err := shm.WriteAt(make([]byte, len(header)), 0); err != nil {
			t.Error(err)
		}
		time.AfterFunc(100*time.Millisecond, func() { shm.WriteAt(header, 0) })
	}

	unsound()
	r, err := store.OpenWith(t.Context(), path, "readonly_shm=1")
	if err != nil {
		t.Fatal("a reader that opens the database: ", err)
	}
	defer r.Close()
	unsound()
	err = r.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.HostNames()
		return err
	})
	if err != nil {
		t.Error("a reader that has it open: ", err)
	}
}
