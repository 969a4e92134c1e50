package store

const (
	// textsPerHour is the largest number of different messages per host, reason and hour.
	// All names that never shipped share one such quota.
	textsPerHour = 100
	// moreMessages stands for the messages beyond the quota.
	moreMessages = "(more messages)"
)

// messageGroup is a group of messages that share a quota.
type messageGroup struct {
	hour, host int64
	reason     string
}

// message is a row of messages, and the additions of a batch.
type message struct {
	id               int64 // 0 for a new one
	group            messageGroup
	text             string
	more, first, end int64 // number of rejections in the batch, and the times of the first and last
}

// messages finds the rows of messages that belong to rejections.
type messages struct {
	tx     *Tx
	source int64
	known  map[messageGroup]map[string]*message
	shared map[messageGroup]int // texts of all names that never shipped, by hour and reason
	used   []*message           // in the order of their first use in the batch
}

func newMessages(tx *Tx, source int64) *messages {
	return &messages{tx: tx, source: source, known: map[messageGroup]map[string]*message{}, shared: map[messageGroup]int{}}
}

// find returns the message of a rejection, and counts the rejection.
func (m *messages) find(f quotaFact, text string) (*message, error) {
	group := messageGroup{f.at / Hour, f.host.ID, f.kind.reason}
	known, err := m.load(group)
	if err != nil {
		return nil, err
	}
	if known[text] == nil {
		room, err := m.room(f.host, group)
		if err != nil {
			return nil, err
		}
		if !room {
			text = moreMessages
		}
	}
	one := known[text]
	if one == nil {
		one = &message{group: group, text: text}
		known[text] = one
	}
	if one.more == 0 {
		one.first, one.end = f.at, f.at
		m.used = append(m.used, one)
	}
	one.more++
	one.first, one.end = min(one.first, f.at), max(one.end, f.at)
	return one, nil
}

// load returns the messages of a group, by their text.
func (m *messages) load(group messageGroup) (map[string]*message, error) {
	if known, ok := m.known[group]; ok {
		return known, nil
	}
	var rows []struct {
		ID   int64  `db:"id"`
		Text string `db:"text"`
	}
	err := m.tx.Select(&rows, `
		SELECT id, text
		FROM messages
		WHERE hour = ? AND host_id = ? AND reason = ? AND source_id = ?`, group.hour, group.host, group.reason, m.source)
	if err != nil {
		return nil, err
	}
	known := map[string]*message{}
	for _, r := range rows {
		known[r.Text] = &message{id: r.ID, group: group, text: r.Text}
	}
	m.known[group] = known
	return known, nil
}

// room reports whether a group may have one more text.
func (m *messages) room(h *host, group messageGroup) (bool, error) {
	if h.subject() != 0 {
		return len(m.known[group]) < textsPerHour, nil
	}
	group.host = 0
	n, ok := m.shared[group]
	if !ok {
		err := m.tx.Get(&n, `
			SELECT COUNT(*)
			FROM messages AS m
			JOIN hosts AS h ON h.id = m.host_id
			WHERE m.hour = ? AND m.reason = ? AND m.text <> ? AND `+subjectOf+` = 0`, group.hour, group.reason, moreMessages)
		if err != nil {
			return false, err
		}
	}
	m.shared[group] = min(n+1, textsPerHour)
	return n < textsPerHour, nil
}

// save writes the additions of the batch. New messages get an id.
func (m *messages) save() error {
	insert, err := m.tx.once(`
		INSERT INTO messages (hour, host_id, reason, source_id, text, rejections, first_at, last_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	update, err := m.tx.once(`
		UPDATE messages
		SET
		  rejections = rejections + ?,
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
		result, err := insert.Exec(one.group.hour, one.group.host, one.group.reason, m.source, one.text, one.more, one.first, one.end)
		if err != nil {
			return err
		}
		if one.id, err = result.LastInsertId(); err != nil {
			return err
		}
	}
	return nil
}
