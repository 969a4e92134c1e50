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
	id     int64
	host   *host
	commit int64 // id in code_commits, 0 for none
}

type seriesKey struct{ source, host, commit int64 }

// maxCached bounds how many commits and how many series a pass keeps in
// memory: a fleet has few of both, a broken one might make up many.
const maxCached = 10_000

// resolveSeries returns the series of a source, and adds it if it is new.
func (tx *Tx) resolveSeries(source int64, named Series) (*series, error) {
	h, err := tx.host(named.Host, true)
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
	id, ok := tx.s.series[key]
	if !ok {
		id, err = tx.findOrAdd(
			"SELECT id FROM series WHERE source_id = ? AND host_id = ? AND code_commit_id = ?",
			"INSERT INTO series (source_id, host_id, code_commit_id) VALUES (?, ?, ?)",
			source, h.ID, commit)
		if err != nil {
			return nil, err
		}
		if tx.s.series == nil || len(tx.s.series) >= maxCached {
			tx.s.series = map[seriesKey]int64{}
		}
		tx.s.series[key] = id
	}
	return &series{id: id, host: h, commit: commit}, nil
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
	result, err := tx.Exec(insert, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
