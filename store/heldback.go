package store

// HeldBack is a detector that did not judge in the last pass.
type HeldBack struct {
	Symptom string `db:"symptom"`
	Since   int64  `db:"since_at"` // microseconds
	Reason  string `db:"reason"`   // for people; text from a lab host must be escaped
}

// HoldBack records that a detector is held back, and the reason. If it was held back
// before, the start of that time stays.
func (tx *Tx) HoldBack(symptom string, now int64, reason string) error {
	_, err := tx.Exec(`
		INSERT INTO held_back (symptom, since_at, reason)
		VALUES (?, ?, ?)
		ON CONFLICT (symptom) DO UPDATE SET
		  since_at = MIN(since_at, excluded.since_at),
		  reason = excluded.reason`, symptom, now, reason)
	return err
}

// LetGo records that a detector is not held back.
func (tx *Tx) LetGo(symptom string) error {
	_, err := tx.Exec("DELETE FROM held_back WHERE symptom = ?", symptom)
	return err
}

// HeldBack returns the detectors that did not judge in the last pass. The one held back
// longest comes first.
func (tx *Tx) HeldBack() (list []HeldBack, err error) {
	err = tx.Select(&list, "SELECT symptom, since_at, reason FROM held_back ORDER BY since_at, symptom")
	return list, err
}
