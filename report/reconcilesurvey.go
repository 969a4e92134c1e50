package report

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/cis490/fleet-health/store"
)

// alertsFiles are alerts.jsonl and alerts.jsonl.1. A missing file is nil.
type alertsFiles struct {
	current, rotated *alertsFile
}

func (files alertsFiles) close() {
	for _, f := range []*alertsFile{files.current, files.rotated} {
		if f != nil {
			f.Close()
		}
	}
}

// survey opens the files and collects the facts. It changes nothing. It opens
// alerts.jsonl.1 only if alerts.jsonl does not have the position. If alerts.jsonl.1 is
// unusable, it counts as missing.
func (files *alertsFiles) survey(ctx context.Context, s *store.Store, source int64, path string) (f facts, err error) {
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return f, err
	}
	var last position
	json.Unmarshal([]byte(stored.State), &last)
	f.first, f.offset = stored.State == "", last.Offset
	if files.current, err = openAlerts(path, os.O_RDWR); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f.current = files.current.relationTo(last)
	if f.first || f.offset == 0 || f.current == missing || f.current == unrelated {
		files.rotated, err = openAlerts(path+".1", os.O_RDONLY)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrAlertsPath) {
			return f, err
		}
		f.rotated = files.rotated.relationTo(last)
	}
	if f.offset == 0 && f.rotated == goesOn {
		if f.waiting, err = s.AnyNotExported(ctx); err != nil {
			return f, err
		}
	}
	if f.current == missing {
		return f, nil
	}
	f.tail, err = tailOf(files.current, files.current.size, f.current, last.Offset)
	return f, err
}

func (f *alertsFile) relationTo(p position) relation {
	switch {
	case f == nil:
		return missing
	case !p.in(f):
		return unrelated
	case f.size == p.Offset:
		return endsThere
	default:
		return goesOn
	}
}

// tailOf surveys a file from an offset on, or all of it if it is unrelated.
func tailOf(f io.ReaderAt, size int64, r relation, offset int64) (t tail, err error) {
	t = tail{end: size, size: size}
	if r != unrelated {
		t.from = offset
		if t.end, err = firstHole(f, offset, size); err != nil {
			return t, err
		}
	}
	t.whole, err = readAlerts(io.NewSectionReader(f, 0, t.end), t.from, func(store.Alert) error { t.alerts++; return nil })
	return t, err
}

// firstHole returns the offset of the first NUL in a part of a file, or the end of the
// part. After a power cut, a page may be empty although later pages are not. The alerts
// after such a hole are not lost: they are not marked yet, so they are exported again.
func firstHole(f io.ReaderAt, from, end int64) (int64, error) {
	part := bufio.NewReader(io.NewSectionReader(f, from, end-from))
	for at := from; ; {
		chunk, err := part.ReadSlice(0)
		at += int64(len(chunk))
		switch {
		case err == nil:
			return at - 1, nil
		case errors.Is(err, io.EOF):
			return end, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
}
