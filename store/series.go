package store

import (
	"database/sql"
	"errors"
)

// Series is a host with a code commit. Ships of a series share both.
type Series struct {
	Host   string
	Commit string // "" for none
}

// series is a Series in the database.
type series struct {
	key seriesKey
	seriesRow
	host   *host
	commit int64 // id in code_commits, 0 for none
}

// seriesRow is the part of a row of series that is kept in memory.
type seriesRow struct {
	ID      int64
	LastDay int64 // last day with ships, in days since 1970; 0 for none yet
	Named   bool  // a row of ship_hours has its commit as the first or last one
}

type seriesKey struct{ source, host, commit int64 }

// maxCached is the largest number of commits, and of series, that a pass keeps in memory. A
// fleet has few, but a broken host may send many.
const maxCached = 10_000

// resolveSeries returns a series of a source, and adds it if it is new.
func (tx *Tx) resolveSeries(source int64, named Series) (*series, error) {
	h, err := tx.host(countedUnder(named.Host), true)
	if err != nil {
		return nil, err
	}
	commit := int64(0)
	if named.Commit != "" {
		if commit, err = tx.commit(named.Commit); err != nil {
			return nil, err
		}
	}
	key := seriesKey{source, h.ID, commit}
	row, ok := tx.s.series[key]
	if !ok {
		find, err := tx.once("SELECT id, last_day, named FROM series WHERE source_id = ? AND host_id = ? AND code_commit_id = ?")
		if err != nil {
			return nil, err
		}
		err = find.QueryRow(source, h.ID, commit).Scan(&row.ID, &row.LastDay, &row.Named)
		if errors.Is(err, sql.ErrNoRows) {
			row.ID, err = tx.add("INSERT INTO series (source_id, host_id, code_commit_id) VALUES (?, ?, ?)", source, h.ID, commit)
		}
		if err != nil {
			return nil, err
		}
		tx.keepSeries(key, row)
	}
	return &series{key: key, seriesRow: row, host: h, commit: commit}, nil
}

func (tx *Tx) keepSeries(key seriesKey, row seriesRow) {
	if tx.s.series == nil || len(tx.s.series) >= maxCached {
		tx.s.series = map[seriesKey]seriesRow{}
	}
	tx.s.series[key] = row
}

// saveSeries records the last day of the series of new ships, and the series that the
// rollup names. Usually neither has changed.
func (tx *Tx) saveSeries(ships []Ship, of []*series, rollup []*shipHour) error {
	changed := map[*series]bool{}
	for i := range ships {
		s := of[ships[i].Series]
		if at := ships[i].ReceivedAt / day; at > s.LastDay {
			s.LastDay, changed[s] = at, true
		}
	}
	for _, row := range rollup {
		for _, s := range []*series{row.first, row.last} {
			if !s.Named {
				s.Named, changed[s] = true, true
			}
		}
	}
	for s := range changed {
		_, err := tx.Exec("UPDATE series SET last_day = MAX(last_day, ?), named = MAX(named, ?) WHERE id = ?", s.LastDay, s.Named, s.ID)
		if err != nil {
			return err
		}
		tx.keepSeries(s.key, s.seriesRow)
	}
	return nil
}

// commit returns the id of a code commit, and adds it if it is new.
func (tx *Tx) commit(name string) (int64, error) {
	if id, ok := tx.s.commits[name]; ok {
		return id, nil
	}
	id, err := tx.findOrAdd("SELECT id FROM code_commits WHERE name = ?", "INSERT INTO code_commits (name) VALUES (?)", name)
	if err != nil {
		return 0, err
	}
	if tx.s.commits == nil || len(tx.s.commits) >= maxCached {
		tx.s.commits = map[string]int64{}
	}
	tx.s.commits[name] = id
	return id, nil
}

// findOrAdd returns the id that find selects, or the id of the row that insert adds.
func (tx *Tx) findOrAdd(find, insert string, args ...any) (id int64, err error) {
	err = tx.Get(&id, find, args...)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	return tx.add(insert, args...)
}

// add runs an insert, and returns the id of the new row.
func (tx *Tx) add(insert string, args ...any) (id int64, err error) {
	result, err := tx.Exec(insert, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
