package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"
)

// Alert is one symptom of one host in one UTC hour.
type Alert struct {
	ID           int64         `db:"id"`
	DedupKey     string        `db:"dedup_key"`
	Host         string        `db:"host"` // as StoredName writes it
	Symptom      string        `db:"symptom"`
	Detail       string        `db:"detail"`
	SuggestedFix string        `db:"suggested_fix"`
	DetectedAt   int64         `db:"detected_at"`   // microseconds
	LastFoundAt  int64         `db:"last_found_at"` // microseconds
	ExportedAt   sql.NullInt64 `db:"exported_at"`   // microseconds
	PassID       sql.NullInt64 `db:"pass_id"`       // NULL for an adopted alert
}

// AlertKey returns the dedup key of a symptom of a host in the UTC hour of a time in
// microseconds: the first 16 hex digits of sha256("host|symptom|2006-01-02T15").
func AlertKey(host, symptom string, at int64) string {
	hour := time.UnixMicro(at).UTC().Format("2006-01-02T15")
	sum := sha256.Sum256([]byte(host + "|" + symptom + "|" + hour))
	return hex.EncodeToString(sum[:])[:16]
}

// Alert returns the alert with a dedup key, or nil if there is none.
func (tx *Tx) Alert(dedupKey string) (*Alert, error) {
	var a Alert
	err := tx.Get(&a, "SELECT * FROM alerts WHERE dedup_key = ?", dedupKey)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// AddAlert adds an alert, unless one with its key exists.
func (tx *Tx) AddAlert(a Alert) (added bool, err error) {
	add, err := tx.once(`
		INSERT INTO alerts
		  (dedup_key, host, symptom, detail, suggested_fix, detected_at, last_found_at, exported_at, pass_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (dedup_key) DO NOTHING`)
	if err != nil {
		return false, err
	}
	result, err := add.Exec(a.DedupKey, a.Host, a.Symptom, a.Detail, a.SuggestedFix, a.DetectedAt, a.LastFoundAt, a.ExportedAt, a.PassID)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// FoundAgain records that the symptom of an alert was found once more.
func (tx *Tx) FoundAgain(id, now int64) error {
	update, err := tx.once("UPDATE alerts SET last_found_at = ? WHERE id = ?")
	if err == nil {
		_, err = update.Exec(now, id)
	}
	return err
}

// SetDetail replaces the detail of an alert.
func (tx *Tx) SetDetail(id int64, detail string) error {
	_, err := tx.Exec("UPDATE alerts SET detail = ? WHERE id = ?", detail, id)
	return err
}

// AlertsOfNeverShipped counts the alerts of a symptom for hosts that never shipped,
// detected at since or later.
func (tx *Tx) AlertsOfNeverShipped(symptom string, since int64) (n int, err error) {
	err = tx.Get(&n, `
		SELECT COUNT(*)
		FROM alerts AS a
		JOIN hosts AS h ON h.name = a.host
		WHERE a.detected_at >= ? AND a.symptom = ? AND `+neverShipped, since, symptom)
	return n, err
}

// AdoptedAlerts returns when alerts were detected, after since and before another time, that
// the database adopted from alerts.jsonl. It returns the last of each host, in microseconds.
func (tx *Tx) AdoptedAlerts(since, before int64) (map[string]int64, error) {
	var rows []Alert
	err := tx.Select(&rows, "SELECT * FROM alerts WHERE pass_id IS NULL AND detected_at > ? AND detected_at < ? ORDER BY detected_at", since, before)
	if err != nil {
		return nil, err
	}
	at := map[string]int64{}
	for _, a := range rows {
		at[a.Host] = a.DetectedAt
	}
	return at, nil
}

// Evaluated records that a detector judged at now and looked back by reach, both in
// microseconds.
func (tx *Tx) Evaluated(symptom string, now, reach int64) error {
	_, err := tx.Exec(`
		INSERT INTO detectors (symptom, evaluated_at, reach)
		VALUES (?, ?, ?)
		ON CONFLICT (symptom) DO UPDATE SET
		  evaluated_at = excluded.evaluated_at,
		  reach = excluded.reach`, symptom, now, reach)
	return err
}

// AlertFilter selects alerts. A zero field selects all, except Until.
type AlertFilter struct {
	Host, Symptom string
	Since, Until  int64 // detected after Since and not after Until; microseconds
	Open          bool  // only those of incidents that are open
	Newest        int   // select only this number of alerts, the newest; 0 selects all
}

// params returns the parameters of alertsAsked.
func (f AlertFilter) params() []any {
	return []any{f.Since, f.Until, f.Host, f.Symptom, f.Open}
}

const alertsAsked = `
FROM alerts
WHERE detected_at > ?1
  AND detected_at <= ?2
  AND (?3 = '' OR host = ?3)
  AND (?4 = '' OR symptom = ?4)
  AND (
    NOT ?5
    OR EXISTS (
      SELECT 1
      FROM incidents AS i
      WHERE i.resolved_at IS NULL
        AND i.began_at <= detected_at
        AND (i.subject = alerts.host OR EXISTS (SELECT 1 FROM incident_hosts AS h WHERE h.incident_id = i.id AND h.host = alerts.host))
    )
  )`

// CountAlerts counts the alerts that a filter selects. It ignores Newest.
func (tx *Tx) CountAlerts(f AlertFilter) (n int, err error) {
	err = tx.Get(&n, "SELECT COUNT(*)"+alertsAsked, f.params()...)
	return n, err
}

// EachAlert calls each with the selected alerts, oldest first. Alerts of the same time
// come in the order of alerts.jsonl. They are not held in memory, because there may be
// years of them.
func (tx *Tx) EachAlert(f AlertFilter, each func(Alert) error) error {
	query, params := "SELECT *"+alertsAsked+" ORDER BY detected_at, id", f.params()
	if f.Newest > 0 {
		query = "SELECT * FROM (SELECT *" + alertsAsked + " ORDER BY detected_at DESC, id DESC LIMIT ?6) ORDER BY detected_at, id"
		params = append(params, f.Newest)
	}
	return eachRow(tx, each, query, params...)
}

// AnyNotExported reports whether some alert is not in alerts.jsonl yet.
func (s *Store) AnyNotExported(ctx context.Context) (any bool, err error) {
	err = s.conn.GetContext(ctx, &any, "SELECT EXISTS (SELECT 1 FROM alerts WHERE exported_at IS NULL)")
	return any, s.wrap(err)
}

// EachNotExported calls each with the alerts that are not in alerts.jsonl yet, oldest
// first. They are not held in memory, because there may be one for each host.
func (tx *Tx) EachNotExported(each func(Alert) error) error {
	return eachRow(tx, each, "SELECT * FROM alerts WHERE exported_at IS NULL ORDER BY id")
}

// MarkExported records that the alert with a dedup key is in alerts.jsonl.
func (tx *Tx) MarkExported(dedupKey string, now int64) error {
	_, err := tx.Exec("UPDATE alerts SET exported_at = ? WHERE dedup_key = ? AND exported_at IS NULL", now, dedupKey)
	return err
}

// MarkAllExported records that all alerts are in alerts.jsonl.
func (tx *Tx) MarkAllExported(now int64) error {
	_, err := tx.Exec("UPDATE alerts SET exported_at = ? WHERE exported_at IS NULL", now)
	return err
}

// MoveCursor stores the position in a source that has no batches. now is in microseconds.
func (tx *Tx) MoveCursor(source int64, state string, now int64) error {
	return tx.moveCursor(source, state, 0, now)
}
