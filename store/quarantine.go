package store

// Quarantined is a line that could not be read as a fact.
type Quarantined struct {
	Reason   string // short and fixed, like not-json
	LineHash uint64 // xxhash64 of the line
	Position int64  // byte offset of the line in its file
	Length   int64  // bytes
	Head     []byte // the first few bytes, as they are
}

// samplesPerReason bounds the quarantined lines of which a sample is kept, for
// each source and reason. The others are counted.
const samplesPerReason = 100

// saveQuarantined counts lines and keeps samples. A line whose sample is kept
// counts once, however often it is read.
func (tx *Tx) saveQuarantined(source int64, lines []Quarantined, now int64) error {
	for _, q := range lines {
		var kept, known int
		err := tx.QueryRow(`
			SELECT
			  COUNT(*),
			  COUNT(*) FILTER (WHERE line_hash = ?)
			FROM quarantine
			WHERE source_id = ? AND reason = ?`, int64(q.LineHash), source, q.Reason).Scan(&kept, &known)
		if err != nil {
			return err
		}
		if known > 0 {
			continue
		}
		if kept < samplesPerReason {
			_, err := tx.Exec(`
				INSERT INTO quarantine (source_id, reason, line_hash, position, length, head, seen_at)
				VALUES (?, ?, ?, ?, ?, ?, ?)`,
				source, q.Reason, int64(q.LineHash), q.Position, q.Length, append([]byte{}, q.Head...), now)
			if err != nil {
				return err
			}
		}
		_, err = tx.Exec(`
			INSERT INTO quarantine_counts (source_id, reason, lines)
			VALUES (?, ?, 1)
			ON CONFLICT (source_id, reason) DO UPDATE SET lines = lines + 1`, source, q.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}
