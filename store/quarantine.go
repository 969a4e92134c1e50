package store

// Quarantined is a line that could not be read as a fact.
type Quarantined struct {
	Reason   string // short and fixed, like not-json
	LineHash uint64 // xxhash64 of the line
	Position int64  // byte offset of the line in its file
	Length   int64  // bytes
	Head     []byte // the first few bytes, as they are
}

// Quarantine collects the lines of a batch that could not be read as facts:
// the first of each reason as they are, of all others the number. The zero
// value is empty.
type Quarantine struct {
	Samples []Quarantined
	counts  map[string]quarantineCount
}

type quarantineCount struct{ lines, samples int }

// SamplesPerReason bounds the quarantined lines that are kept, for each source
// and reason.
const SamplesPerReason = 100

// Add takes a line. head is called if the line's first bytes are wanted.
func (q *Quarantine) Add(line Quarantined, head func() []byte) {
	if q.counts == nil {
		q.counts = map[string]quarantineCount{}
	}
	count := q.counts[line.Reason]
	count.lines++
	if count.samples < SamplesPerReason {
		count.samples++
		line.Head = head()
		q.Samples = append(q.Samples, line)
	}
	q.counts[line.Reason] = count
}

// Lines returns how many lines were taken.
func (q *Quarantine) Lines() (n int) {
	for _, count := range q.counts {
		n += count.lines
	}
	return n
}

// saveQuarantine keeps samples and counts lines. A line that is kept already
// counts once, however often it is read.
func (tx *Tx) saveQuarantine(source int64, q *Quarantine, now int64) error {
	for _, line := range q.Samples {
		var kept int
		var known bool
		err := tx.QueryRow(`
			SELECT
			  COUNT(*),
			  COUNT(*) FILTER (WHERE position = ? AND line_hash = ?) > 0
			FROM quarantine
			WHERE source_id = ? AND reason = ?`,
			line.Position, int64(line.LineHash), source, line.Reason).Scan(&kept, &known)
		if err != nil {
			return err
		}
		if known {
			count := q.counts[line.Reason]
			count.lines--
			q.counts[line.Reason] = count
			continue
		}
		if kept >= SamplesPerReason {
			continue
		}
		_, err = tx.Exec(`
			INSERT INTO quarantine (source_id, reason, position, line_hash, length, head, seen_at)
			VALUES (?, ?, ?, ?, ?, ?, ?)`,
			source, line.Reason, line.Position, int64(line.LineHash), line.Length, append([]byte{}, line.Head...), now)
		if err != nil {
			return err
		}
	}
	for reason, count := range q.counts {
		if count.lines == 0 {
			continue
		}
		_, err := tx.Exec(`
			INSERT INTO quarantine_counts (source_id, reason, lines)
			VALUES (?, ?, ?)
			ON CONFLICT (source_id, reason) DO UPDATE SET lines = lines + excluded.lines`, source, reason, count.lines)
		if err != nil {
			return err
		}
	}
	return nil
}
