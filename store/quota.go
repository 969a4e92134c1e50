package store

import (
	"cmp"
	"database/sql/driver"
	"maps"
	"slices"
)

// RowsPerMinute is the quota: the largest number of rows for the PUTs of one status, or
// the rejections of one reason, of a host in a minute. All names that never shipped share
// one quota, because anybody can invent them. Facts over the quota are surplus. They count
// in the rollups and in the table surplus, but have no rows. So a flood adds a bounded
// number of rows, and one status cannot push out another.
//
// Counts are exact while facts come in the order of their time. Neither the batches nor
// repeated reading change them. Surplus has no keys, only the time of the last fact, for
// each minute, host and kind. A fact without a row up to that time counts as known. So a
// surplus fact is lost if it is read after newer ones, or if it has the same time as the
// last fact of the batch before.
const RowsPerMinute = 200

// Flood is the surplus of a host and hour in one batch.
type Flood struct {
	Host  string // "" stands for all names that never shipped
	Hour  int64  // in hours since 1970
	Facts int
	First bool // the host had no surplus in this hour before
}

// kind distinguishes the facts of a host in the quota and in the rollups: by the status
// of a PUT, or by the reason of a rejection.
type kind struct {
	status int64
	reason string
}

// value returns the value of a kind in a column: the reason, or else the status.
func (k kind) value() any {
	if k.reason != "" {
		return k.reason
	}
	return k.status
}

func (k kind) compare(other kind) int {
	return cmp.Or(cmp.Compare(k.status, other.status), cmp.Compare(k.reason, other.reason))
}

// quotaFact is the part of a fact that the quota and the rollups need.
type quotaFact struct {
	at   int64
	host *host
	kind kind
}

// subject returns the id of a host with its own quota, or 0 if the host shares the quota
// of all names that never shipped.
func (h *host) subject() int64 {
	if h.shipped() && !pseudo(h.Name) {
		return h.ID
	}
	return 0
}

// subjectOf is subject in SQL, for a row of hosts named h.
const subjectOf = `
CASE
  WHEN h.last_ship_at IS NULL AND h.next_ship_at IS NULL OR h.name IN ('` + InvalidHost + `', '` + OverflowHost + `') THEN 0
  ELSE h.id
END`

// fate is what to do with a fact that has no row yet.
type fate int8

const (
	getsRow  fate = iota // it gets a row, and counts
	surplus              // it counts, but gets no row
	wasKnown             // it counted as surplus before
)

// rowsOf returns the indices of the facts that get a row.
func rowsOf(fates []fate) (rows []int) {
	for i, v := range fates {
		if v == getsRow {
			rows = append(rows, i)
		}
	}
	return rows
}

// How many rows does a minute have of each subject and kind?
const (
	putsOfMinute = `
SELECT ` + subjectOf + ` AS subject, p.status, '' AS reason, COUNT(*) AS n
FROM puts AS p
JOIN hosts AS h ON h.id = p.host_id
WHERE p.at >= ?1 * 60000000 AND p.at < (?1 + 1) * 60000000
GROUP BY 1, 2`
	rejectionsOfMinute = `
SELECT ` + subjectOf + ` AS subject, 0 AS status, m.reason, COUNT(*) AS n
FROM rejections AS r
JOIN messages AS m ON m.id = r.message_id
JOIN hosts AS h ON h.id = m.host_id
WHERE r.at >= ?1 * 60000000 AND r.at < (?1 + 1) * 60000000
GROUP BY 1, 3`
)

// surplusOfMinute answers: up to what time is the surplus of a minute known, by subject and
// kind? A name without room counts under OverflowHost, but may have room when its facts are
// read again. So OverflowHost counts as subject 0.
const surplusOfMinute = `
SELECT
  CASE h.name WHEN '` + OverflowHost + `' THEN 0 ELSE h.id END AS subject,
  CASE typeof(s.kind) WHEN 'integer' THEN s.kind ELSE 0 END AS status,
  CASE typeof(s.kind) WHEN 'text' THEN s.kind ELSE '' END AS reason,
  MAX(s.last_at) AS n
FROM surplus AS s
JOIN hosts AS h ON h.id = s.host_id
WHERE s.minute = ?1
GROUP BY 1, 2, 3`

// subjectKind has one quota in each minute.
type subjectKind struct {
	subject int64
	kind    kind
}

func (tx *Tx) ofMinute(query string, minute int64) (map[subjectKind]int64, error) {
	var rows []struct {
		Subject int64  `db:"subject"`
		Status  int64  `db:"status"`
		Reason  string `db:"reason"`
		N       int64  `db:"n"`
	}
	of, err := tx.once(query)
	if err == nil {
		err = of.Select(&rows, minute)
	}
	if err != nil {
		return nil, err
	}
	found := map[subjectKind]int64{}
	for _, r := range rows {
		found[subjectKind{r.Subject, kind{r.Status, r.Reason}}] = r.N
	}
	return found, nil
}

// fatesOf returns the fates of n facts that have no row, sorted by time. newest is the time
// of the newest row that is not later than they are. rowsOfMinute is one of the queries
// above. Only minutes that may be over the quota are examined fact by fact.
func (tx *Tx) fatesOf(rowsOfMinute string, newest int64, n int, fact func(i int) quotaFact) ([]fate, error) {
	fates := make([]fate, n)
	for from, to := 0, 0; from < n; from = to {
		minute := fact(from).at / Minute
		for to = from; to < n && fact(to).at/Minute == minute; to++ {
		}
		rows, known := map[subjectKind]int64{}, map[subjectKind]int64{}
		if minute <= newest/Minute {
			var err error
			if rows, err = tx.ofMinute(rowsOfMinute, minute); err != nil {
				return nil, err
			}
		}
		total := int64(to - from)
		for _, n := range rows {
			total += n
		}
		if total <= RowsPerMinute {
			continue
		}
		if len(rows) > 0 { // a minute without rows has no surplus
			var err error
			if known, err = tx.ofMinute(surplusOfMinute, minute); err != nil {
				return nil, err
			}
		}
		for i := from; i < to; i++ {
			fates[i] = fateOf(fact(i), rows, known)
		}
	}
	return fates, nil
}

// fateOf returns the fate of a fact. It adds a fact that gets a row to rows, which counts
// the rows of the minute. known has the times up to which surplus is known.
func fateOf(f quotaFact, rows, known map[subjectKind]int64) fate {
	until := known[subjectKind{f.host.ID, f.kind}]
	of := subjectKind{f.host.subject(), f.kind}
	if of.subject == 0 {
		until = max(until, known[of])
	}
	if f.at <= until {
		return wasKnown
	}
	if rows[of] >= RowsPerMinute {
		return surplus
	}
	rows[of]++
	return getsRow
}

// counts has the number of facts by span of time (an hour or a minute), host and kind.
type counts map[countKey]count

type countKey struct {
	span, host int64
	kind       kind
}

type count struct{ facts, last int64 }

func (c counts) add(span int64, f quotaFact) {
	key := countKey{span, f.host.ID, f.kind}
	n := c[key]
	c[key] = count{n.facts + 1, max(n.last, f.at)}
}

// insert adds counts to a table. Its first columns are span, host, kind, source and
// facts; a sixth holds the time of the last fact.
func (c counts) insert(tx *Tx, insert, conflict string, columns int, source int64) error {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.span, b.span), cmp.Compare(a.host, b.host), a.kind.compare(b.kind))
	})
	_, err := tx.insertMany(insert, conflict, columns, len(keys), func(i int, values []driver.NamedValue) {
		k := keys[i]
		setInts(values, k.span, k.host, 0, source, c[k].facts)
		values[2].Value = k.kind.value()
		if columns > 5 {
			values[5].Value = c[k].last
		}
	})
	return err
}

// count adds new facts to a rollup, and surplus facts also to the table surplus. It returns
// the number of new facts.
func (tx *Tx) count(source int64, fates []fate, fact func(i int) quotaFact, merge, conflict string) (added int, floods []Flood, err error) {
	hours, beyond := counts{}, false
	for i, v := range fates {
		if v != wasKnown {
			f := fact(i)
			if err := tx.openDay(f.at / day); err != nil {
				return 0, nil, err
			}
			hours.add(f.at/Hour, f)
			added++
		}
		beyond = beyond || v == surplus
	}
	if beyond {
		if floods, err = tx.saveSurplus(source, fates, fact); err != nil {
			return 0, nil, err
		}
	}
	return added, floods, hours.insert(tx, merge, conflict, 5, source)
}

const insertSurplus = `
INSERT INTO surplus (minute, host_id, kind, source_id, facts, last_at)`

const insertSurplusConflict = `
ON CONFLICT (minute, host_id, kind, source_id) DO UPDATE SET
  facts = facts + excluded.facts,
  last_at = MAX(last_at, excluded.last_at)`

// saveSurplus stores the surplus facts, and returns them as floods.
func (tx *Tx) saveSurplus(source int64, fates []fate, fact func(i int) quotaFact) (floods []Flood, err error) {
	minutes := counts{}
	index := map[subjectKind]int{} // into floods; kind.status holds the hour
	flooded := map[int64][]int64{} // by hour, the subjects that had surplus before
	for i, v := range fates {
		if v != surplus {
			continue
		}
		f := fact(i)
		minutes.add(f.at/Minute, f)
		hour, subject := f.at/Hour, f.host.subject()
		before, ok := flooded[hour]
		if !ok {
			err := tx.Select(&before, `
				SELECT DISTINCT `+subjectOf+`
				FROM surplus AS s
				JOIN hosts AS h ON h.id = s.host_id
				WHERE s.minute >= ?1 * 60 AND s.minute < (?1 + 1) * 60`, hour)
			if err != nil {
				return nil, err
			}
			flooded[hour] = before
		}
		key := subjectKind{subject, kind{status: hour}}
		n, ok := index[key]
		if !ok {
			flood := Flood{Hour: hour, First: !slices.Contains(before, subject)}
			if subject != 0 {
				flood.Host = f.host.Name
			}
			n = len(floods)
			index[key], floods = n, append(floods, flood)
		}
		floods[n].Facts++
	}
	return floods, minutes.insert(tx, insertSurplus, insertSurplusConflict, 6, source)
}
