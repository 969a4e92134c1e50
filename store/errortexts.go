package store

// textGroup is a group of texts that share a quota.
type textGroup struct {
	hour int64
	kind string
}

// errorText is a row of error_texts, and the additions of a batch.
type errorText struct {
	id               int64 // 0 for a new one
	kind, text       string
	more, first, end int64 // number of errors in the batch, and the times of the first and last
}

// errorTexts finds the rows of error_texts that belong to errors.
type errorTexts struct {
	tx     *Tx
	source int64
	known  map[textGroup]map[string]*errorText
	used   []*errorText // in the order of their first use in the batch
}

func newErrorTexts(tx *Tx, source int64) *errorTexts {
	return &errorTexts{tx: tx, source: source, known: map[textGroup]map[string]*errorText{}}
}

// find returns the text of an error, and counts the error. Beyond textsPerHour, the text is
// moreMessages.
func (m *errorTexts) find(e *ReceiverError) (*errorText, error) {
	known, err := m.load(textGroup{e.At / Hour, e.Kind})
	if err != nil {
		return nil, err
	}
	text := e.Text
	if known[text] == nil && len(known) >= textsPerHour {
		text = moreMessages
	}
	one := known[text]
	if one == nil {
		one = &errorText{kind: e.Kind, text: text}
		known[text] = one
	}
	if one.more == 0 {
		one.first, one.end = e.At, e.At
		m.used = append(m.used, one)
	}
	one.more++
	one.first, one.end = min(one.first, e.At), max(one.end, e.At)
	return one, nil
}

// load returns the texts of a group.
func (m *errorTexts) load(group textGroup) (map[string]*errorText, error) {
	if known, ok := m.known[group]; ok {
		return known, nil
	}
	var rows []struct {
		ID   int64  `db:"id"`
		Text string `db:"text"`
	}
	of, err := m.tx.once(`
		SELECT id, text
		FROM error_texts
		WHERE first_at >= ?1 * 3600000000 AND first_at < (?1 + 1) * 3600000000 AND kind = ?2 AND source_id = ?3`)
	if err == nil {
		err = of.Select(&rows, group.hour, group.kind, m.source)
	}
	if err != nil {
		return nil, err
	}
	known := map[string]*errorText{}
	for _, r := range rows {
		known[r.Text] = &errorText{id: r.ID, kind: group.kind, text: r.Text}
	}
	m.known[group] = known
	return known, nil
}

// save writes the additions of the batch. New texts get an id.
func (m *errorTexts) save() error {
	insert, err := m.tx.once(`
		INSERT INTO error_texts (source_id, kind, text, errors, first_at, last_at)
		VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	update, err := m.tx.once(`
		UPDATE error_texts
		SET
		  errors = errors + ?,
		  first_at = MIN(first_at, ?),
		  last_at = MAX(last_at, ?)
		WHERE id = ?`)
	if err != nil {
		return err
	}
	for _, one := range m.used {
		if one.id != 0 {
			if _, err := update.Exec(one.more, one.first, one.end, one.id); err != nil {
				return err
			}
			continue
		}
		result, err := insert.Exec(m.source, one.kind, one.text, one.more, one.first, one.end)
		if err != nil {
			return err
		}
		if one.id, err = result.LastInsertId(); err != nil {
			return err
		}
	}
	return nil
}
