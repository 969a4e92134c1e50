// Package report renders what package store holds: tables, and alerts.jsonl,
// which is a report too. It imports store and no other room.
package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/cis490/fleet-health/store/visible"
)

// ErrAlertsPath: the alerts file is not one that can be appended to.
var ErrAlertsPath = errors.New("not a file for alerts")

// tailBytes before the position witness that the file is the one we wrote.
const tailBytes = 512

// position is how far alerts.jsonl is known to agree with the table.
type position struct {
	Version int    `json:"v"`
	Offset  int64  `json:"offset"`
	Tail    string `json:"tail"` // xxhash64 of up to tailBytes before Offset
}

func positionOf(f io.ReaderAt, offset int64) (position, error) {
	tail := make([]byte, min(offset, tailBytes))
	if _, err := f.ReadAt(tail, offset-int64(len(tail))); err != nil && len(tail) > 0 {
		return position{}, err
	}
	return position{1, offset, fmt.Sprintf("%016x", xxhash.Sum64(tail))}, nil
}

// alertLine is a line of alerts.jsonl, in the order of its keys.
type alertLine struct {
	Host         string `json:"host"`
	Symptom      string `json:"symptom"`
	Detail       string `json:"detail"`
	SuggestedFix string `json:"suggested_fix"`
	DetectedAt   string `json:"detected_at_wall"`
	DedupKey     string `json:"dedup_key"`
}

// maxAlertLine bounds a line of alerts.jsonl that is read back, in bytes.
const maxAlertLine = 64 << 10

// parseAlert reads a line of alerts.jsonl, ours or the predecessor's.
func parseAlert(line []byte) (a store.Alert, ok bool) {
	var l alertLine
	if !utf8.Valid(line) || json.Unmarshal(line, &l) != nil || l.DedupKey == "" || len(l.DedupKey) > 64 {
		return a, false
	}
	at, ok := isotime.Parse(l.DetectedAt)
	return store.Alert{DedupKey: l.DedupKey, Host: l.Host, Symptom: l.Symptom, Detail: l.Detail,
		SuggestedFix: l.SuggestedFix, DetectedAt: at, LastFoundAt: at}, ok
}

// keyFits reports whether the key of an alert that stands in a file is the one of
// its own host, symptom and hour. Somebody else may have written the line: with
// another key, it would stop another alert.
func keyFits(a store.Alert) bool {
	// A symptom with a | in it could make up for a host that ends too early.
	return a.DedupKey == store.AlertKey(a.Host, a.Symptom, a.DetectedAt) && !strings.Contains(a.Symptom, "|")
}

// mayCount reports whether an alert that stands in a file may be stored or marked.
// One of an hour to come may not, unless it is known: it is ours from before the
// clock went back.
func mayCount(tx *store.Tx, a store.Alert, now int64) (bool, error) {
	if !keyFits(a) || a.DetectedAt/store.Hour <= now/store.Hour {
		return keyFits(a), nil
	}
	known, err := tx.Alert(a.DedupKey)
	return known != nil, err
}

// asStored is an alert that stands in a file in the form in which it is stored. The
// predecessor puts a host's name among the commands of a fix as it is.
func asStored(a store.Alert) store.Alert {
	name := store.StoredAlertsName(a.Host)
	a.SuggestedFix = visible.Escape(strings.Replace(a.SuggestedFix, "On "+a.Host+":", "On "+shellword.InText(store.RawName(name))+":", 1))
	a.Host, a.Symptom, a.Detail = name, visible.Escape(a.Symptom), visible.Escape(a.Detail)
	return a
}

// AlertJSON is the line of alerts.jsonl for an alert, in ASCII, spaced as
// Python's json spaces it, so that what greps the file goes on working.
func AlertJSON(a store.Alert) string {
	var b strings.Builder
	for i, m := range [][2]string{{"host", store.AlertsName(a.Host)}, {"symptom", a.Symptom}, {"detail", a.Detail},
		{"suggested_fix", a.SuggestedFix}, {"detected_at_wall", isotime.Format(a.DetectedAt)}, {"dedup_key", a.DedupKey}} {
		b.WriteString([]string{`{"`, `, "`}[min(i, 1)] + m[0] + `": `)
		quoteASCII(&b, m[1])
	}
	return b.String() + "}\n"
}

// textWriter is what JSON is written to: a buffer, or a line of alerts.jsonl.
type textWriter interface {
	io.Writer
	io.ByteWriter
	io.StringWriter
}

func quoteASCII(b textWriter, s string) {
	b.WriteByte('"')
	for _, r := range s {
		short := strings.IndexRune("\"\\\n\r\t\f\b", r)
		switch {
		case short >= 0:
			b.WriteByte('\\')
			b.WriteByte(`"\nrtfb`[short])
		case r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escapeASCII(b, high)
			escapeASCII(b, low)
		default:
			escapeASCII(b, r)
		}
	}
	b.WriteByte('"')
}

func escapeASCII(b textWriter, r rune) {
	const digits = "0123456789abcdef"
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(digits[r>>shift&0xf])
	}
}

// in tells whether a file may be the one that was at a position. At 0 any may.
func (p position) in(f io.ReaderAt) bool {
	at, err := positionOf(f, p.Offset)
	return err == nil && at == p
}

// Reconciled says what Reconcile found beyond the known position, in lines.
type Reconciled struct {
	Adopted int // alerts that the table did not have
	Ignored int // alerts with the key of another alert, or of an hour to come
}

// Reconcile reads what stands in alerts.jsonl beyond the known position, and if
// that file was rotated away since, in alerts.jsonl.1: lines of ours whose mark
// was lost in a crash are marked, lines of the predecessor become history, a torn
// last alert is cut off. A line that may not count is left alone. A file that
// holds something, but no alert, is ErrAlertsPath the first time.
func Reconcile(ctx context.Context, s *store.Store, path string, now int64) (done Reconciled, err error) {
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return done, err
	}
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return done, err
	}
	first := stored.State == ""
	var known position
	json.Unmarshal([]byte(stored.State), &known)
	f, size, err := openAlerts(path, os.O_RDWR)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	if f != nil {
		defer f.Close()
	}
	offset, same := int64(0), f != nil && known.in(f)
	if same {
		offset = known.Offset
	}
	var rotated *os.File
	if offset == 0 {
		if rotated, err = openRotated(ctx, s, path, known, first); err != nil {
			return done, err
		}
	}
	if rotated != nil {
		defer rotated.Close()
	}
	if rotated == nil && (f == nil || offset == size && !first) {
		return done, nil
	}
	if same {
		if size, err = cutAtHole(f, offset, size); err != nil {
			return done, fmt.Errorf("%s: %w", path, err)
		}
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		found := 0
		read := func(a store.Alert) error {
			found++
			if ok, err := mayCount(tx, a, now); err != nil || !ok {
				done.Ignored++
				return err
			}
			a.ExportedAt.Int64, a.ExportedAt.Valid = now, true
			added, err := tx.AddAlert(asStored(a))
			if added {
				done.Adopted++
			} else if err == nil {
				err = tx.MarkExported(a.DedupKey, now)
			}
			return err
		}
		if rotated != nil {
			if _, err := readAlerts(rotated, known.Offset, read); err != nil {
				return err
			}
			if err := rotated.Sync(); err != nil {
				return err
			}
		}
		if f == nil {
			return store.SyncDir(filepath.Dir(path))
		}
		found = 0
		whole, err := readAlerts(f, offset, read)
		if err != nil {
			return err
		}
		switch {
		case first && found == 0 && whole > 0:
			err = fmt.Errorf("%w: it holds something, but no alert", ErrAlertsPath)
		case whole < size:
			err = f.Truncate(whole)
		case whole > size:
			_, err = f.Write([]byte("\n"))
		}
		if err != nil {
			return err
		}
		// A crash may have come before the lines were synced, or the file's name.
		if err := f.Sync(); err != nil {
			return err
		}
		if err := store.SyncDir(filepath.Dir(path)); err != nil {
			return err
		}
		return moveTo(tx, source, f, whole, now)
	})
	if err != nil {
		return Reconciled{}, fmt.Errorf("%s: %w", path, err)
	}
	return done, nil
}

// openRotated opens alerts.jsonl.1, if it may have alerts beyond the known position:
// nil if not. At position 0 only those that wait to be appended matter; the first
// time, all do. What may not be read is passed over.
func openRotated(ctx context.Context, s *store.Store, path string, known position, first bool) (*os.File, error) {
	if known.Offset == 0 && !first {
		if waiting, err := s.AnyNotExported(ctx); err != nil || !waiting {
			return nil, err
		}
	}
	f, size, err := openAlerts(path+".1", os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrAlertsPath) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !first && (size == known.Offset || !known.in(f)) {
		f.Close()
		return nil, nil
	}
	return f, nil
}

// cutAtHole ends a file before the first NUL behind an offset, and returns its
// size. After a power cut, pages of what was not synced may be empty, and others
// behind them not. Whatever was appended there is still to be exported.
func cutAtHole(f *os.File, offset, size int64) (int64, error) {
	tail := bufio.NewReader(io.NewSectionReader(f, offset, size-offset))
	for {
		chunk, err := tail.ReadSlice(0)
		offset += int64(len(chunk))
		switch {
		case err == nil:
			return offset - 1, f.Truncate(offset - 1)
		case errors.Is(err, io.EOF):
			return size, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
}

// readAlerts gives out the alerts that stand in a file from an offset on, and
// returns where the last whole line ends. A last line that is an alert but for
// its newline is whole, and so is one that is no beginning of an alert, which
// somebody else has written: then that place is one behind the file's end.
func readAlerts(f io.ReaderAt, offset int64, found func(store.Alert) error) (whole int64, err error) {
	lines := bufio.NewReaderSize(io.NewSectionReader(f, offset, 1<<62), maxAlertLine+1)
	for whole = offset; ; {
		line, err := lines.ReadSlice('\n')
		length, long := len(line), errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = lines.ReadSlice('\n')
			length += len(line)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		a, ok := store.Alert{}, false
		if !long {
			a, ok = parseAlert(bytes.TrimSuffix(line, []byte("\n")))
		}
		if err != nil && !ok && (length == 0 || !long && tornAlert(line)) {
			return whole, nil
		}
		if ok {
			if err := found(a); err != nil {
				return 0, err
			}
		}
		whole += int64(length)
		if err != nil {
			return whole + 1, nil
		}
	}
}

// tornAlert tells whether a line may be the beginning of an alert's.
func tornAlert(line []byte) bool {
	const begin = `{"host": `
	return bytes.HasPrefix(line, []byte(begin)) || bytes.HasPrefix([]byte(begin), line)
}

// moveTo notes that the first bytes of the file agree with the table.
func moveTo(tx *store.Tx, source int64, f io.ReaderAt, offset, now int64) error {
	at, err := positionOf(f, offset)
	if err != nil {
		return err
	}
	state, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return tx.MoveCursor(source, string(state), now)
}

// Export appends the alerts that are not in alerts.jsonl yet, syncs it, and
// then marks them. A crash in between is what Reconcile repairs.
func Export(ctx context.Context, s *store.Store, path string, now int64) (n int, err error) {
	if waiting, err := s.AnyNotExported(ctx); err != nil || !waiting {
		return 0, err
	}
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return 0, unusable(err)
	}
	f, size, err := openAlerts(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if size == 0 {
		// What a power cut leaves of the first lines must be known as ours.
		if err := s.Update(ctx, func(tx *store.Tx) error { return moveTo(tx, source, f, 0, now) }); err != nil {
			return 0, err
		}
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		written := int64(0)
		if n, written, err = appendAlerts(tx, f); err == nil {
			err = f.Sync()
		}
		end, seekErr := f.Seek(0, io.SeekCurrent)
		if err == nil {
			err = seekErr
		}
		if err != nil {
			// The next pass must not find lines that may never reach the disk.
			f.Truncate(size)
			return fmt.Errorf("append alerts: %w", err)
		}
		known := end
		if end-size != written {
			known = size // somebody else has appended, too: the next pass reads what
		}
		if size == 0 {
			if err := store.SyncDir(filepath.Dir(path)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := tx.MarkAllExported(now); err != nil {
			return err
		}
		return moveTo(tx, source, f, known, now)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// appendBytes is about how much of many alerts is written at a time.
const appendBytes = 64 << 10

// appendAlerts appends the alerts that are not exported yet, whole lines at a
// time: what somebody else appends does not come to stand in the middle of one.
func appendAlerts(tx *store.Tx, f *os.File) (n int, written int64, err error) {
	var lines bytes.Buffer
	flush := func() error {
		w, err := lines.WriteTo(f)
		written += w
		return err
	}
	err = tx.EachNotExported(func(a store.Alert) error {
		n++
		lines.WriteString(AlertJSON(a))
		if lines.Len() < appendBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return n, written, err
}

func openAlerts(path string, flags int) (*os.File, int64, error) {
	f, err := os.OpenFile(path, flags|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o640)
	if errors.Is(err, fs.ErrNotExist) && flags&os.O_CREATE == 0 {
		return nil, 0, err
	}
	if err != nil {
		return nil, 0, unusable(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: not a regular file", path, ErrAlertsPath)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// unusable marks those errors of opening that are the path's own fault, and
// not the disk's.
func unusable(err error) error {
	for _, fault := range []error{fs.ErrPermission, syscall.ELOOP, syscall.EISDIR, syscall.ENOTDIR, syscall.ENXIO, syscall.ENAMETOOLONG} {
		if errors.Is(err, fault) {
			return fmt.Errorf("%w: %w", ErrAlertsPath, err)
		}
	}
	return err
}
