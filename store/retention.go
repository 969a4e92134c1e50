package store

import "slices"

// horizon has the time before which each raw table is pruned, in microseconds, on the hour.
// It is 0 if the table never was. The rollups of earlier hours never change: some of their
// rows are gone, so a fact that is read again cannot be recognised.
type horizon struct{ ships, puts, rejections int64 }

func (tx *Tx) horizon() (*horizon, error) {
	if tx.s.horizon != nil {
		return tx.s.horizon, nil
	}
	var rows []struct {
		Table        string `db:"table_name"`
		PrunedBefore int64  `db:"pruned_before"`
	}
	if err := tx.Select(&rows, "SELECT table_name, pruned_before FROM retention"); err != nil {
		return nil, err
	}
	h := &horizon{}
	for _, row := range rows {
		switch row.Table {
		case "ships":
			h.ships = row.PrunedBefore
		case "puts":
			h.puts = row.PrunedBefore
		case "rejections":
			h.rejections = row.PrunedBefore
		}
	}
	tx.s.horizon = h
	return h, nil
}

// prunedBefore records that rows of a table before a time, on the hour, are deleted or
// will be.
func (tx *Tx) prunedBefore(table string, before int64) error {
	_, err := tx.Exec(`
		INSERT INTO retention (table_name, pruned_before)
		VALUES (?, ?)
		ON CONFLICT (table_name) DO UPDATE SET pruned_before = MAX(pruned_before, excluded.pruned_before)`, table, before)
	tx.s.horizon = nil
	return err
}

// leaveOut removes the facts before the horizon from a batch, and counts them.
func (tx *Tx) leaveOut(b *Batch, saved *Saved) error {
	h, err := tx.horizon()
	if err != nil || *h == (horizon{}) {
		return err
	}
	expired := func(at, before int64) bool {
		if at < before {
			saved.Expired++
			saved.ExpiredBefore = max(saved.ExpiredBefore, before)
		}
		return at < before
	}
	b.Ships = slices.DeleteFunc(b.Ships, func(r Ship) bool { return expired(r.ReceivedAt, h.ships) })
	b.Puts = slices.DeleteFunc(b.Puts, func(r Put) bool { return expired(r.At, h.puts) })
	b.Rejections = slices.DeleteFunc(b.Rejections, func(r Rejection) bool { return expired(r.At, h.rejections) })
	return nil
}

// RawSince returns the horizon of all raw tables: the time in microseconds since which all
// raw rows are kept, or 0 if none was pruned. Earlier facts are only in the rollups.
func (tx *Tx) RawSince() (at int64, err error) {
	err = tx.Get(&at, `
		SELECT COALESCE(MAX(pruned_before), 0)
		FROM retention
		WHERE table_name IN ('ships', 'puts', 'rejections')`)
	return at, err
}
