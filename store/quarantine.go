package store

import "slices"

// Quarantined is a line that could not be read as a fact.
type Quarantined struct {
	Reason   string // short and fixed, such as not-json
	LineHash uint64 // xxhash64 of the line
	Position int64  // offset of the line in its file, in bytes
	Length   int64  // bytes
	Head     []byte // the first bytes, unescaped
}

// Quarantine collects the lines of a batch that could not be read as facts. It keeps
// the start of the first lines of each reason. The zero value is empty.
type Quarantine struct {
	// Again means that lines may have been read before at other offsets, as in a
	// rewritten file. A line with a known hash is not new then.
	Again   bool
	samples []Quarantined
	lines   []quarantineLine // all lines
	reasons []quarantineReason
}

// quarantineLine is small, because a batch may have only such lines.
type quarantineLine struct {
	hash           uint64
	position       int64
	reason, sample int32 // indices into Quarantine.reasons and .samples; sample is -1 for none
}

type quarantineReason struct {
	name    string
	samples int
	fresh   int // lines that are new
}

const (
	// samplesPerReason is the largest number of samples per source and reason.
	samplesPerReason = 100
	// maxQuarantineLines is the largest number of known lines of a source. A line over it
	// counts each time it is read.
	maxQuarantineLines = 100_000
)

// Add adds a line. It calls head only if it keeps a sample of the line.
func (q *Quarantine) Add(line Quarantined, head func() []byte) {
	i := slices.IndexFunc(q.reasons, func(r quarantineReason) bool { return r.name == line.Reason })
	if i < 0 {
		i = len(q.reasons)
		q.reasons = append(q.reasons, quarantineReason{name: line.Reason})
	}
	sample := int32(-1)
	if reason := &q.reasons[i]; reason.samples < samplesPerReason {
		reason.samples++
		line.Head = head()
		sample = int32(len(q.samples))
		q.samples = append(q.samples, line)
	}
	q.lines = append(q.lines, quarantineLine{line.LineHash, line.Position, int32(i), sample})
}

// saveQuarantine counts the new lines, and keeps samples of them.
func (tx *Tx) saveQuarantine(source int64, q *Quarantine, now int64) (lines int, err error) {
	if len(q.lines) == 0 {
		return 0, nil
	}
	isNew, err := tx.newLines(source, q.Again, now)
	if err != nil {
		return 0, err
	}
	for i := range q.reasons {
		q.reasons[i].fresh = 0
	}
	for _, line := range q.lines {
		fresh, err := isNew(line)
		if err != nil {
			return 0, err
		}
		if !fresh {
			continue
		}
		lines++
		q.reasons[line.reason].fresh++
		if line.sample >= 0 {
			if err := tx.keepSample(source, q.samples[line.sample], now); err != nil {
				return 0, err
			}
		}
	}
	for _, reason := range q.reasons {
		if reason.fresh == 0 {
			continue
		}
		_, err := tx.Exec(`
			INSERT INTO quarantine_counts (source_id, reason, lines)
			VALUES (?, ?, ?)
			ON CONFLICT (source_id, reason) DO UPDATE SET lines = lines + excluded.lines`, source, reason.name, reason.fresh)
		if err != nil {
			return 0, err
		}
	}
	return lines, nil
}

func (tx *Tx) keepSample(source int64, line Quarantined, now int64) error {
	_, err := tx.Exec(`
		INSERT INTO quarantine (source_id, reason, position, line_hash, length, head, seen_at)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
		WHERE (SELECT COUNT(*) FROM quarantine WHERE source_id = ?1 AND reason = ?2) < ?8
		ON CONFLICT DO NOTHING`,
		source, line.Reason, line.Position, int64(line.LineHash), line.Length, append([]byte{}, line.Head...), now, samplesPerReason)
	return err
}

// newLines returns a function that reports whether a line is new, and stores its hash
// unless there are too many.
func (tx *Tx) newLines(source int64, again bool, now int64) (isNew func(quarantineLine) (bool, error), err error) {
	var known int
	err = tx.Get(&known, "SELECT COUNT(*) FROM quarantine_lines WHERE source_id = ?", source)
	if err != nil {
		return nil, err
	}
	insert, err := tx.once(`
		INSERT INTO quarantine_lines (source_id, line_hash, position, seen_at)
		SELECT ?1, ?2, ?3, ?5
		WHERE NOT (?4 AND EXISTS (SELECT 1 FROM quarantine_lines WHERE source_id = ?1 AND line_hash = ?2))
		ON CONFLICT DO NOTHING`)
	if err != nil {
		return nil, err
	}
	return func(line quarantineLine) (bool, error) {
		if known >= maxQuarantineLines {
			return true, nil
		}
		result, err := insert.Exec(source, int64(line.hash), line.position, again, now)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		known += int(n)
		return n > 0, err
	}, nil
}
