package store

import (
	"database/sql"
	"fmt"
)

// Feeder brings the hosts, gaps and acts of operators of a database that OpenRerun opened
// from one pass to the next.
type Feeder struct {
	tx    *Tx
	last  JudgedPass
	act   int64 // the ID of the last act
	hosts map[int64]*host
	gaps  bool // there are gaps
	late  bool // there are late facts

	unrolled int64 // the last hour whose ships were made from the rollups, for passes that judge by them
}

// Feed makes the tables what they were after a pass. incidents are those that were open
// then, or of use to learn from, as they were then. A pass with the ID 0 is the time before all.
func (tx *Tx) Feed(pass JudgedPass, incidents []Incident) (*Feeder, error) {
	f := &Feeder{tx: tx, last: pass}
	if err := tx.shadow(judgedTables...); err != nil {
		return nil, err
	}
	err := tx.QueryRow(`
		SELECT
		  EXISTS (SELECT 1 FROM recorded.gaps),
		  EXISTS (SELECT 1 FROM recorded.late_facts WHERE after_pass >= ?1),
		  (SELECT COALESCE(MAX(id), 0) FROM operator_acts WHERE at <= ?2)`, pass.ID, pass.AsOf).Scan(&f.gaps, &f.late, &f.act)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec("CREATE TABLE rerun AS SELECT ? AS pass", pass.ID); err != nil {
		return nil, err
	}
	switch {
	case pass.FromRollups:
		f.late, err = false, f.hideRaw(pass)
	case f.late:
		err = f.hideLate(pass)
	}
	if err != nil {
		return nil, err
	}
	params := named(map[string]any{"at": pass.AsOf})
	for _, statement := range seeds {
		if _, err := tx.Exec(statement, params...); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	if pass.ID != 0 {
		if err := tx.SetThreshold("now", pass.AsOf); err != nil {
			return nil, err
		}
	}
	for _, i := range incidents {
		if err := tx.copyIncident(&i, pass.AsOf); err != nil {
			return nil, err
		}
	}
	return f, tx.FoldPuts(pass.AsOf)
}

// seeds fill the tables in memory with what was known at :at. What a host has now only, its last
// facts and answers, they read from its rollups and from its PUTs of a day.
var seeds = []string{
	"INSERT INTO hosts SELECT * FROM recorded.hosts",
	// Most hosts shipped in the two days before. Of the others, few rows are sorted.
	lastShipOf("hour >= :at / 3600000000 - 48 AND hour < :at / 3600000000"),
	lastShipOf("hour < :at / 3600000000 - 48"),
	`UPDATE hosts
	SET last_ship_at = seen.at
	FROM (
	  SELECT
	    series.host_id,
	    MAX(received_at) AS at
	  FROM ships
	  JOIN series ON series.id = series_id
	  WHERE received_at >= :at / 3600000000 * 3600000000 AND received_at <= :at
	  GROUP BY series.host_id
	) AS seen
	WHERE seen.host_id = hosts.id`,
	`UPDATE hosts
	SET last_put_at = seen.at
	FROM (
	  SELECT
	    host_id,
	    MAX(at) AS at
	  FROM puts
	  WHERE at > :at - 86400000000 AND at <= :at
	  GROUP BY host_id
	) AS seen
	WHERE seen.host_id = hosts.id`,
	`UPDATE hosts
	SET
	  last_ship_at = IIF(last_ship_at <= :at, last_ship_at, NULL),
	  last_put_at = IIF(last_put_at <= :at, last_put_at, NULL),
	  expected_from = IIF(expected_from <= :at, expected_from, NULL),
	  next_ship_at = NULL,
	  next_put_at = NULL,
	  unfolded = COALESCE(last_put_at > :at - 86400000000, 0),
	  retired_at = IIF(retired_at <= :at, retired_at, NULL),
	  muted_until = NULL`,
	`UPDATE hosts
	SET
	  last_accepted_at = NULL,
	  last_failed_at = NULL,
	  failing_since = NULL,
	  first_4xx_at = NULL,
	  failed_4xx = 0,
	  failed_5xx = 0,
	  failed_status = 0,
	  recent_answers = 1,
	  folded_at = NULL
	WHERE folded_at > :at`,
	`UPDATE hosts
	SET last_word_at = MIN(last_word_at, MAX(COALESCE(last_ship_at, 0), COALESCE(last_put_at, 0)))
	WHERE last_word_at > :at`,
	`UPDATE hosts
	SET retired_at = IIF(done.act = 'retire', done.at, NULL)
	FROM (
	  SELECT host, act, at, MAX(id)
	  FROM operator_acts
	  WHERE act IN ('retire', 'unretire') AND at <= :at
	  GROUP BY host
	) AS done
	WHERE done.host = hosts.name`,
	`UPDATE hosts
	SET muted_until = done.until_at
	FROM (
	  SELECT host, until_at, MAX(id)
	  FROM operator_acts
	  WHERE act IN ('mute', 'unmute') AND at <= :at
	  GROUP BY host
	) AS done
	WHERE done.host = hosts.name`,
	"INSERT INTO alerts SELECT * FROM recorded.alerts WHERE pass_id IS NULL",
	`INSERT INTO gaps
	SELECT *
	FROM recorded.gaps
	WHERE COALESCE(found_at, to_at) <= :at`,
	"UPDATE gaps SET recovered_at = NULL WHERE recovered_at > :at",
}

// lastShipOf returns a statement that finds the last ship in some hours, given by a condition, of
// the hosts that have shipped after :at.
func lastShipOf(hours string) string {
	return `
	UPDATE hosts
	SET last_ship_at = seen.at
	FROM (
	  SELECT
	    host_id,
	    MAX(last_at) AS at
	  FROM ship_hours
	  WHERE ` + hours + `
	    AND host_id IN (SELECT id FROM hosts WHERE last_ship_at > :at)
	  GROUP BY host_id
	) AS seen
	WHERE seen.host_id = hosts.id`
}

// copyIncident stores an incident under its ID, with the hosts that it had at a time.
func (tx *Tx) copyIncident(i *Incident, at int64) error {
	_, err := tx.NamedExec(`
		INSERT INTO incidents
		  (id, subject, symptom, began_at, opened_at, last_found_at, clear_at, lost_at, resolved_at, resolution, explained_by, said_at,
		   repeated_at, detail, figure, worst_figure, worst_detail, fix, query, acked_at, acked_until)
		VALUES
		  (:id, :subject, :symptom, :began_at, :opened_at, :last_found_at, :clear_at, :lost_at, :resolved_at, :resolution, :explained_by, :said_at,
		   :repeated_at, :detail, :figure, :worst_figure, :worst_detail, :fix, :query, :acked_at, :acked_until)`, i)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO incident_hosts SELECT * FROM recorded.incident_hosts WHERE incident_id = ? AND joined_at <= ?", i.ID, at)
	return err
}

// Next brings the tables to a pass: it feeds the facts that the pass knew, and that the pass
// before did not.
func (f *Feeder) Next(pass JudgedPass) error {
	if _, err := f.tx.Exec("UPDATE rerun SET pass = ?", pass.ID); err != nil {
		return err
	}
	steps := []func(JudgedPass) error{f.feedActs, f.feedFacts, f.settle}
	if pass.FromRollups {
		steps = append([]func(JudgedPass) error{f.unroll}, steps...)
	}
	if f.gaps {
		steps = append(steps, f.feedGaps)
	}
	if f.late {
		steps = append(steps, f.roll)
	}
	for _, step := range steps {
		if err := step(pass); err != nil {
			return fmt.Errorf("pass %d: %w", pass.ID, err)
		}
	}
	f.last = pass
	return nil
}

// GapsGrown returns how many gaps have grown since a pass found them, so that what passes knew
// of them meanwhile is not stored. That of an unread source grows with each pass.
func (tx *Tx) GapsGrown() (gaps int, err error) {
	err = tx.Get(&gaps, "SELECT COUNT(*) FROM gaps WHERE reason <> ? AND to_at > found_at", GapUnread)
	return gaps, err
}

// feedGaps adds the gaps that a pass knew. None reached beyond the time of the pass.
func (f *Feeder) feedGaps(pass JudgedPass) error {
	params := named(map[string]any{"at": pass.AsOf})
	for _, statement := range []string{`
		INSERT INTO gaps
		SELECT *
		FROM recorded.gaps AS g
		WHERE COALESCE(found_at, to_at) <= :at
		  AND NOT EXISTS (SELECT 1 FROM main.gaps AS k WHERE k.source_id = g.source_id AND k.reason = g.reason AND k.from_at = g.from_at)`, `
		UPDATE gaps
		SET
		  to_at = MIN(r.to_at, :at),
		  recovered_at = IIF(r.recovered_at <= :at, r.recovered_at, NULL)
		FROM recorded.gaps AS r
		WHERE r.source_id = gaps.source_id
		  AND r.reason = gaps.reason
		  AND r.from_at = gaps.from_at`} {
		if _, err := f.tx.Exec(statement, params...); err != nil {
			return err
		}
	}
	return nil
}

// feedActs does again what operators did before a pass. What they set for hosts is read from
// their acts.
func (f *Feeder) feedActs(pass JudgedPass) error {
	var acts []struct {
		ID       int64          `db:"id"`
		At       int64          `db:"at"`
		Act      string         `db:"act"`
		Incident sql.NullInt64  `db:"incident_id"`
		Host     sql.NullString `db:"host"`
		Until    sql.NullInt64  `db:"until_at"`
	}
	err := f.tx.Select(&acts, "SELECT id, at, act, incident_id, host, until_at FROM operator_acts WHERE id > ? AND at <= ? ORDER BY id", f.act, pass.AsOf)
	for _, a := range acts {
		if err != nil {
			return err
		}
		f.act = a.ID
		switch a.Act {
		case ActRetire:
			_, err = f.tx.Exec("UPDATE hosts SET retired_at = ? WHERE name = ?", a.At, a.Host)
		case ActUnretire:
			_, err = f.tx.Exec("UPDATE hosts SET retired_at = NULL, expected_from = ? WHERE name = ?", a.At, a.Host)
		case ActMute, ActUnmute:
			_, err = f.tx.Exec("UPDATE hosts SET muted_until = ? WHERE name = ?", a.Until, a.Host)
		case ActAck:
			until := sql.NullInt64{Int64: MaxTime, Valid: true}
			if a.Until.Valid {
				until = a.Until
			}
			_, err = f.tx.Exec(acknowledge, a.Incident, a.At, until)
		case ActUnack:
			_, err = f.tx.Exec(acknowledge, a.Incident, nil, nil)
		}
	}
	return err
}

// acknowledge acknowledges the open incident that stands for a recorded one. A host has one at
// a time. Of the receiver's and of groups, it is the one of the same symptom.
const acknowledge = `
UPDATE incidents
SET
  acked_at = ?2,
  acked_until = ?3
FROM recorded.incidents AS r
WHERE r.id = ?1
  AND incidents.resolved_at IS NULL
  AND incidents.subject = r.subject
  AND (r.subject NOT IN ('` + SubjectReceiver + `', '` + SubjectGroup + `') OR incidents.symptom = r.symptom)`

// The facts of a time, and those up to it that were late, in the order in which they fold.
const (
	fedShips = `
SELECT series.host_id, received_at AS at, 0 AS status
FROM ships
JOIN series ON series.id = series_id
WHERE received_at > :from AND received_at <= :to`
	fedPuts = `
SELECT host_id, at, status
FROM puts
WHERE at > :from AND at <= :to
ORDER BY at, cursor_hash`
	fedRejections = `
SELECT m.host_id, at, 0 AS status
FROM rejections
JOIN messages AS m ON m.id = message_id
WHERE at > :from AND at <= :to`
	lateShips = `
SELECT series.host_id, f.received_at AS at, 0 AS status
FROM recorded.late_facts AS l
CROSS JOIN recorded.ships AS f ON f.received_at = l.at AND f.line_hash = l.hash
JOIN series ON series.id = series_id
WHERE l.after_pass = :last AND l.kind = 'ship' AND l.at <= MIN(:from, :to)`
	latePuts = `
SELECT f.host_id, f.at, f.status
FROM recorded.late_facts AS l
CROSS JOIN recorded.puts AS f ON f.at = l.at AND f.cursor_hash = l.hash
WHERE l.after_pass = :last AND l.kind = 'put' AND l.at <= MIN(:from, :to)
ORDER BY f.at, f.cursor_hash`
	lateRejections = `
SELECT m.host_id, f.at, 0 AS status
FROM recorded.late_facts AS l
CROSS JOIN recorded.rejections AS f ON f.at = l.at AND f.cursor_hash = l.hash
JOIN messages AS m ON m.id = message_id
WHERE l.after_pass = :last AND l.kind = 'rejection' AND l.at <= MIN(:from, :to)`
)

// feedFacts records in the hosts the facts that are new to a pass.
func (f *Feeder) feedFacts(pass JudgedPass) error {
	if f.hosts == nil {
		if err := f.loadHosts(); err != nil {
			return err
		}
	}
	touched := map[*host]bool{}
	ship := func(h *host, at, _ int64) { h.saw(at, pass.AsOf, &h.LastShip, &h.NextShip) }
	put := func(h *host, at, status int64) {
		h.saw(at, pass.AsOf, &h.LastPut, &h.NextPut)
		h.answers.fold(at, status)
		h.changed, h.answered = true, true
	}
	said := func(h *host, at, _ int64) { h.heard(at, pass.AsOf) }
	type feed struct {
		query string
		add   func(h *host, at, status int64)
	}
	feeds := []feed{{fedShips, ship}, {fedPuts, put}, {fedRejections, said}}
	if f.late {
		feeds = append([]feed{{lateShips, ship}, {latePuts, put}, {lateRejections, said}}, feeds...)
	}
	params := named(map[string]any{"from": f.last.AsOf, "to": pass.AsOf, "last": f.last.ID})
	for _, one := range feeds {
		err := f.tx.eachFact(one.query, params, func(id, at, status int64) {
			if h := f.hosts[id]; h != nil {
				one.add(h, at, status)
				touched[h] = true
			}
		})
		if err != nil {
			return err
		}
	}
	list := make([]*host, 0, len(touched))
	unfolded := false
	for h := range touched {
		list = append(list, h)
		unfolded = unfolded || h.Unfolded
	}
	if err := f.tx.saveHosts(list); err != nil || !unfolded {
		return err
	}
	f.hosts = nil
	return f.tx.FoldPuts(pass.AsOf)
}

// eachFact calls each with the three numbers of each row. There are millions of rows, and
// sqlx needs twice as long for them.
func (tx *Tx) eachFact(query string, params []any, each func(host, at, status int64)) error {
	find, err := tx.once(query)
	if err != nil {
		return err
	}
	rows, err := find.Query(params...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var host, at, status int64
	for rows.Next() {
		if err := rows.Scan(&host, &at, &status); err != nil {
			return err
		}
		each(host, at, status)
	}
	return rows.Err()
}

func (f *Feeder) loadHosts() error {
	var rows []host
	if err := f.tx.Select(&rows, selectHosts); err != nil {
		return err
	}
	f.hosts = make(map[int64]*host, len(rows))
	for n := range rows {
		f.hosts[rows[n].ID] = &rows[n]
	}
	return nil
}

// settle corrects the hosts if the clock has gone back, and when it reaches their facts again.
func (f *Feeder) settle(pass JudgedPass) error {
	var ahead bool
	if pass.AsOf >= f.last.AsOf {
		return nil
	}
	err := f.tx.Get(&ahead, "SELECT EXISTS (SELECT 1 FROM hosts WHERE last_ship_at > ?1 OR last_put_at > ?1)", pass.AsOf)
	if err != nil || !ahead {
		return err
	}
	f.hosts = nil
	if err := f.tx.Correct(pass.AsOf); err != nil {
		return err
	}
	// The facts are fed again once the clock reaches them.
	if _, err := f.tx.Exec("UPDATE hosts SET next_ship_at = NULL, next_put_at = NULL"); err != nil {
		return err
	}
	return f.tx.FoldPuts(pass.AsOf)
}
