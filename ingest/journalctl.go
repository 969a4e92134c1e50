package ingest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errExit means that journalctl exited with an error. It does not cover a death by
// signal.
var errExit = errors.New("journalctl failed")

// errMidEntry means that journalctl exited within an entry, as it does at a damaged
// field.
var errMidEntry = errors.New("journalctl ended within an entry")

// entryArgs returns the arguments with which journalctl prints the entries of a unit.
func entryArgs(opts JournalOptions) []string {
	return []string{"--unit=" + opts.Unit, "--output=export", "--all",
		"--output-fields=MESSAGE,MESSAGE_ID,N_DROPPED,PRIORITY,_PID,_STREAM_ID,_LINE_BREAK,_SYSTEMD_UNIT,UNIT,OBJECT_SYSTEMD_UNIT"}
}

// listBoots returns the boots with journal entries of any unit, in no order.
func listBoots(ctx context.Context, opts JournalOptions, stderr *journalctlStderr) (boots []string, err error) {
	err = runJournalctl(ctx, opts, []string{"--field=_BOOT_ID"}, stderr, func(out io.Reader) error {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if id := lines.Text(); isBootID(id) {
				boots = append(boots, id)
			}
		}
		return lines.Err()
	})
	return boots, err
}

func isBootID(id string) bool {
	return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}

// runJournalctl runs journalctl in its own process group and passes its output to read.
// It kills the group when read returns early, when ctx ends, or when journalctl prints
// nothing for the timeout. A failing journalctl gives ErrUnread. Left-out files are no
// failure; stderr holds them.
func runJournalctl(parent context.Context, opts JournalOptions, args []string, stderr *journalctlStderr, read func(io.Reader) error) error {
	args = append([]string{"--no-pager", "--quiet"}, args...)
	if opts.Directory != "" {
		args = append(args, "--directory="+opts.Directory)
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, cmp.Or(opts.Command, "journalctl"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// On an overloaded machine, the goroutine that reads the errors may wait for its turn.
	cmd.WaitDelay = min(opts.Timeout, 10*time.Second)
	// The last of repeated variables counts.
	cmd.Env = append(cmd.Environ(), "SYSTEMD_LOG_LEVEL=debug", "SYSTEMD_LOG_TARGET=console-prefixed",
		"SYSTEMD_LOG_COLOR=0", "SYSTEMD_LOG_LOCATION=0", "SYSTEMD_LOG_TID=0", "SYSTEMD_LOG_TIME=0")
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("journal %w: %w", ErrUnread, err)
	}
	widen(out)
	if err := cmd.Start(); err != nil {
		if parent.Err() != nil {
			return parent.Err()
		}
		return fmt.Errorf("journal %w: %w", ErrUnread, err)
	}
	// A grandchild that left the group would keep the pipe open.
	defer context.AfterFunc(ctx, func() { out.Close() })()
	watched := &watchedReader{r: out, timeout: opts.Timeout, expire: func() { cancel(errTimeout) }}
	readErr := read(watched)
	if !watched.ended { // if the output ended, wait for the exit status: it explains the end
		cancel(errEnough)
	}
	timer := time.AfterFunc(opts.Timeout, watched.expire)
	waitErr := cmd.Wait()
	timer.Stop()
	switch {
	case parent.Err() != nil:
		return parent.Err()
	case context.Cause(ctx) == errTimeout:
		return fmt.Errorf("journal %w: journalctl gave nothing for %s and was killed", ErrUnread, opts.Timeout)
	case errors.Is(readErr, io.ErrUnexpectedEOF) && cmd.ProcessState.Exited():
		return fmt.Errorf("journal %w: %w%s", ErrUnread, errMidEntry, stderr.quoted())
	case errors.Is(readErr, errStream) || errors.Is(readErr, io.ErrUnexpectedEOF):
		return fmt.Errorf("journal %w: journalctl: %w%s", ErrUnread, readErr, stderr.quoted())
	case readErr != nil:
		return readErr
	case waitErr != nil && watched.ended && cmd.ProcessState.Exited():
		return fmt.Errorf("journal %w: %w: %w%s", ErrUnread, errExit, waitErr, stderr.quoted())
	case waitErr != nil && watched.ended:
		return fmt.Errorf("journal %w: journalctl: %w%s", ErrUnread, waitErr, stderr.quoted())
	}
	return nil
}

// Causes for which runJournalctl kills journalctl.
var (
	errTimeout = errors.New("journalctl gave nothing")
	errEnough  = errors.New("no more is wanted of journalctl")
)

// pipeBytes is the size of the pipe, in bytes. journalctl fills it while a batch is
// stored, so it is the time for a batch times journalctl's rate.
const pipeBytes = 1 << 20

// widen requests a pipe of pipeBytes. With a smaller one, journalctl only waits more.
func widen(pipe io.ReadCloser) {
	if f, ok := pipe.(*os.File); ok {
		if conn, err := f.SyscallConn(); err == nil {
			conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
		}
	}
}

// watchedReader calls expire when a read takes longer than the timeout. The time between
// reads does not count, because a pass may wait for the database.
type watchedReader struct {
	r       io.Reader
	timeout time.Duration
	expire  func()
	ended   bool
}

func (w *watchedReader) Read(p []byte) (int, error) {
	timer := time.AfterFunc(w.timeout, w.expire)
	n, err := w.r.Read(p)
	timer.Stop()
	w.ended = w.ended || err != nil
	return n, err
}
