package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/store"
	"golang.org/x/sys/unix"
)

// JournalOptions says which journal to read.
type JournalOptions struct {
	Unit      string
	Directory string        // as journalctl -D; "" is the system's journal
	Now       int64         // the clock of the pass, in microseconds
	Timeout   time.Duration // without a byte from journalctl, after which it is killed
}

// overlap is how far before a point in time the journal is read again when the
// cursor cannot be used. What is known is left out.
const overlap = 24 * store.Hour

// Journal reads what the journal has got since the last pass, with journalctl.
func Journal(ctx context.Context, s *store.Store, opts JournalOptions) (result Result, err error) {
	source, err := s.Source(ctx, store.StreamJournal)
	if err != nil {
		return result, err
	}
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return result, err
	}
	r := newJournalReader(s, source, opts.Unit, opts.Now, &result)
	c, have := parseJournalCursor(stored.State)
	var seek []string
	if have {
		// Not --after-cursor: with a filter it loses an entry if the cursor's own
		// entry was deleted (systemd issue 30288). --cursor begins with that entry.
		seek = []string{"--cursor=" + c.Cursor}
	}
	err = r.follow(ctx, opts, seek, c, have)
	switch {
	case errors.Is(err, ErrUnread) && have && result.Read == 0 && errors.Is(err, errSeek):
		r.gap(store.Gap{Reason: store.GapCursorLost, From: c.At, To: opts.Now,
			Detail: "journalctl did not accept the cursor; the last 24 hours before it were read again"})
		err = r.follow(ctx, opts, []string{since(c.At - overlap)}, c, false)
	case err == nil && have && result.Read == 0:
		err = r.lookBack(ctx, opts, c)
	case err == nil && result.Read == 0:
		result.Quiet = fmt.Sprintf("the journal has no entry of unit %s: is the name right, and may this user read the system journal?", r.unit)
	}
	if errors.Is(err, ErrUnread) {
		from := c.At
		if from == 0 {
			from = opts.Now
		}
		r.gap(store.Gap{Reason: store.GapUnread, From: from, To: opts.Now, Detail: "journalctl failed"})
		if saveErr := r.save(ctx, "", false); saveErr != nil {
			return result, saveErr
		}
	}
	return result, err
}

// lookBack is for a cursor behind which nothing came. If the journal now ends
// before the cursor, the clock went back: read by time instead.
func (r *journalReader) lookBack(ctx context.Context, opts JournalOptions, c journalCursor) error {
	newest := int64(0)
	err := runJournalctl(ctx, opts, []string{"--lines=1"}, func(out io.Reader) error {
		e, err := newExportReader(out, 0).next()
		if err == nil {
			newest = e.at
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
	if err != nil || newest == 0 || newest >= c.At {
		return err
	}
	r.gap(store.Gap{Reason: store.GapClockStep, From: newest, To: c.At,
		Detail: "the journal ends before the cursor: its clock went back; its last 24 hours were read again"})
	return r.follow(ctx, opts, []string{since(newest - overlap)}, c, false)
}

func since(at int64) string {
	at = max(at, 0)
	return fmt.Sprintf("--since=@%d.%06d", at/store.Second, at%store.Second)
}

// follow reads entries from a starting point to the end of the journal.
func (r *journalReader) follow(ctx context.Context, opts JournalOptions, seek []string, c journalCursor, inclusive bool) error {
	position := ""
	err := runJournalctl(ctx, opts, seek, func(out io.Reader) error {
		stream := newExportReader(out, 0)
		for first := true; ; first = false {
			e, err := stream.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if first && inclusive {
				if string(e.cursor) == c.Cursor {
					// Not counted, but the source has been read on.
					r.last = e.at
					position = string(c.state(e, opts.Now))
					continue
				}
				r.gap(store.Gap{Reason: store.GapVacuumed, From: c.At, To: max(c.At, e.at),
					Detail: "the journal does not hold the cursor's entry any more; entries after it may have been deleted"})
			}
			r.add(e)
			if e.at <= opts.Now+store.FutureTolerance || position == "" {
				position = c.state(e, opts.Now)
			}
			if r.result.Read >= maxEntries {
				r.result.Capped = true
				return nil
			}
			if r.seen >= chunkEntries {
				if err := r.save(ctx, position, true); err != nil {
					return err
				}
			}
		}
	})
	if err != nil && !errors.Is(err, ErrUnread) {
		return err
	}
	if position != "" || len(r.batch.Gaps) > 0 {
		if saveErr := r.save(ctx, position, err == nil); saveErr != nil {
			return saveErr
		}
	}
	return err
}

func (journalCursor) state(e *entry, now int64) string {
	return fmt.Sprintf(`{"v":%d,"cursor":%q,"at":%d}`, cursorVersion, e.cursor, min(e.at, now+store.FutureTolerance))
}

var errSeek = errors.New("cursor refused")

// runJournalctl runs journalctl in a process group of its own, gives its output
// to read, and kills the group when read returns early, when ctx ends, or when
// nothing comes for the timeout. What fails in journalctl is ErrUnread.
func runJournalctl(ctx context.Context, opts JournalOptions, args []string, read func(io.Reader) error) error {
	args = append([]string{"--unit=" + opts.Unit, "--output=export", "--all", "--no-pager", "--quiet",
		"--output-fields=MESSAGE,MESSAGE_ID,N_DROPPED,PRIORITY,_PID,_SYSTEMD_UNIT,OBJECT_SYSTEMD_UNIT"}, args...)
	if opts.Directory != "" {
		args = append(args, "--directory="+opts.Directory)
	}
	cmd := exec.CommandContext(ctx, "journalctl", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stderr bounder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	widen(out)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("journal %w: %w", ErrUnread, err)
	}
	watched := &watchedReader{r: out, timeout: opts.Timeout}
	watched.timer = time.AfterFunc(opts.Timeout, func() { cmd.Cancel() })
	readErr := read(watched)
	inTime := watched.timer.Stop()
	if readErr != nil || !watched.ended {
		cmd.Cancel()
	}
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !inTime:
		return fmt.Errorf("journal %w: journalctl gave nothing for %s and was killed", ErrUnread, opts.Timeout)
	case readErr != nil && (errors.Is(readErr, errStream) || errors.Is(readErr, io.ErrUnexpectedEOF)):
		return fmt.Errorf("journal %w: journalctl: %w", ErrUnread, readErr)
	case readErr != nil:
		return readErr
	case waitErr != nil && watched.ended:
		message := strings.TrimSpace(stderr.String())
		if strings.Contains(message, "Failed to seek to cursor") {
			return fmt.Errorf("journal %w: %w", ErrUnread, errSeek)
		}
		return fmt.Errorf("journal %w: journalctl: %w: %q", ErrUnread, waitErr, message)
	}
	return nil
}

// pipeBytes is what journalctl may print while a batch is stored: a batch's
// time times its rate.
const pipeBytes = 1 << 20

// widen asks for a pipe of pipeBytes. Where the kernel grants less, journalctl
// waits more.
func widen(pipe io.ReadCloser) {
	if f, ok := pipe.(*os.File); ok {
		if conn, err := f.SyscallConn(); err == nil {
			conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
		}
	}
}

// watchedReader puts a timer back whenever bytes come.
type watchedReader struct {
	r       io.Reader
	timer   *time.Timer
	timeout time.Duration
	ended   bool
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 && w.timer.Stop() {
		w.timer.Reset(w.timeout)
	}
	w.ended = w.ended || err != nil
	return n, err
}

// bounder keeps the first bytes of what a command prints as errors.
type bounder struct{ bytes.Buffer }

func (b *bounder) Write(p []byte) (int, error) {
	if room := 500 - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
