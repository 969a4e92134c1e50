package report

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/cis490/fleet-health/store"
)

// Reconciled counts the alerts that Reconcile read after the cursor.
type Reconciled struct {
	Adopted int // alerts that the table did not have
	Ignored int // alerts with the key of another alert, or of a future hour
}

// Reconcile makes the table and alerts.jsonl agree. It reads the lines after the cursor,
// also in alerts.jsonl.1 if the file was rotated. It marks an alert that was exported just
// before a crash, stores an alert that the table lacks, and ignores one that may not
// count. It cuts off a torn last alert. The error is ErrAlertsPath if there is no cursor
// yet and the file has content but no alert.
func Reconcile(ctx context.Context, s *store.Store, path string, now int64) (Reconciled, error) {
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return Reconciled{}, err
	}
	var files alertsFiles
	defer func() { files.close() }()
	facts, err := files.survey(ctx, s, source, path)
	if err != nil {
		return Reconciled{}, err
	}
	todo := planFor(facts)
	if len(todo.steps) == 0 {
		return Reconciled{}, nil
	}
	r := reconciler{alertsFiles: files, dir: filepath.Dir(path), source: source, now: now}
	err = s.Update(ctx, func(tx *store.Tx) error {
		for _, step := range todo.steps {
			if err := r.act(tx, step); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Reconciled{}, fmt.Errorf("%s: %w", path, err)
	}
	return r.done, nil
}

// reconciler carries out the steps of a plan.
type reconciler struct {
	alertsFiles
	dir    string
	source int64
	now    int64
	done   Reconciled
}

func (r *reconciler) act(tx *store.Tx, s step) (err error) {
	switch s.do {
	case refuse:
		err = errNoAlert
	case readRotated:
		_, err = readAlerts(r.rotated, s.at, func(a store.Alert) error { return r.adopt(tx, a) })
	case syncRotated:
		err = r.rotated.Sync()
	case cutOff:
		err = r.current.Truncate(s.at)
	case endLine:
		_, err = r.current.Write([]byte("\n"))
	case readCurrent:
		_, err = readAlerts(r.current, s.at, func(a store.Alert) error { return r.adopt(tx, a) })
	case syncCurrent:
		err = r.current.Sync()
	case syncNames:
		err = store.SyncDir(r.dir)
	case move:
		err = moveCursor(tx, r.source, r.current, s.at, r.now)
	}
	return err
}

// adopt stores an alert read from a file, or marks it as exported if the table has it.
func (r *reconciler) adopt(tx *store.Tx, a store.Alert) error {
	if ok, err := mayCount(tx, a, r.now); err != nil || !ok {
		r.done.Ignored++
		return err
	}
	a.ExportedAt.Int64, a.ExportedAt.Valid = r.now, true
	added, err := tx.AddAlert(asStored(a))
	if added {
		r.done.Adopted++
	} else if err == nil {
		err = tx.MarkExported(a.DedupKey, r.now)
	}
	return err
}

// mayCount reports whether an alert read from a file may be stored or marked. An alert of
// a future hour may count only if the table has it: this program raised it before the
// clock was set back.
func mayCount(tx *store.Tx, a store.Alert, now int64) (bool, error) {
	if !keyFits(a) || a.DetectedAt/store.Hour <= now/store.Hour {
		return keyFits(a), nil
	}
	known, err := tx.Alert(a.DedupKey)
	return known != nil, err
}
