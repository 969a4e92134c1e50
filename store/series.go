package store

import (
	"database/sql"
	"errors"
)

// Series is what the ships of one host on one code commit have in common.
type Series struct {
	Host   string
	Commit string // "" for none
}

// series is a Series as the database knows it.
type series struct {
	key seriesKey
	seriesRow
	host   *host
	commit int64 // id in code_commits, 0 for none
}

// seriesRow is what is kept of a row of series.
type seriesRow struct {
	ID                int64
	FirstDay, LastDay int64 // of its ships, in days since 1970; 0 for none yet
}

type seriesKey struct{ source, host, commit int64 }

// maxCached bounds how many commits and how many series a pass keeps in
// memory: a fleet has few of both, a broken one might make up many.
const maxCached = 10_000

// resolveSeries returns the series of a source, and adds it if it is new.
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
		err = tx.QueryRow("SELECT id, first_day, last_day FROM series WHERE source_id = ? AND host_id = ? AND code_commit_id = ?",
			source, h.ID, commit).Scan(&row.ID, &row.FirstDay, &row.LastDay)
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

// saveDays notes of which days the series of new ships have ships. Nearly always
// that is known: a day begins once.
func (tx *Tx) saveDays(ships []Ship, of []*series) error {
	changed := map[*series]bool{}
	for i := range ships {
		s, at := of[ships[i].Series], ships[i].ReceivedAt/day
		if s.LastDay == 0 {
			s.FirstDay = at
		}
		if s.LastDay == 0 || at < s.FirstDay || at > s.LastDay {
			s.FirstDay, s.LastDay = min(s.FirstDay, at), max(s.LastDay, at)
			changed[s] = true
		}
	}
	for s := range changed {
		if _, err := tx.Exec(`
			UPDATE series
			SET
			  first_day = CASE last_day WHEN 0 THEN ?1 ELSE MIN(first_day, ?1) END,
			  last_day = MAX(last_day, ?2)
			WHERE id = ?3`, s.FirstDay, s.LastDay, s.ID); err != nil {
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

// findOrAdd returns the id that a query finds, or that of the row which insert adds.
func (tx *Tx) findOrAdd(find, insert string, args ...any) (id int64, err error) {
	err = tx.Get(&id, find, args...)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	return tx.add(insert, args...)
}

// add runs an insert, and returns the id of its row.
func (tx *Tx) add(insert string, args ...any) (id int64, err error) {
	result, err := tx.Exec(insert, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
