package store

import "fmt"

// answers says how the receiver answered the last PUTs of a host. Times are microseconds,
// 0 for none. The columns of hosts are described in 00013_incidents.sql.
//
// A PUT that is newer than all folded ones is folded in. If an older one comes later, all
// is computed again from the stored PUTs, so the result does not depend on the order in
// which PUTs were read.
type answers struct {
	Accepted     int64 `db:"last_accepted_at"`
	Failed       int64 `db:"last_failed_at"`
	FailingSince int64 `db:"failing_since"`
	First4xx     int64 `db:"first_4xx_at"`
	Failed4xx    int64 `db:"failed_4xx"`
	Failed5xx    int64 `db:"failed_5xx"`
	Status       int64 `db:"failed_status"`
	Recent       int64 `db:"recent_answers"`
	FoldedAt     int64 `db:"folded_at"`
	Unfolded     bool  `db:"unfolded"`
}

const (
	// RecentAnswers is the number of PUTs that recent_answers holds.
	RecentAnswers = 20
	// answersKept is how far back, in microseconds, PUTs are read to compute answers again.
	answersKept = 24 * Hour
)

// selectAnswers are the columns of answers.
const selectAnswers = `
  COALESCE(last_accepted_at, 0) AS last_accepted_at,
  COALESCE(last_failed_at, 0) AS last_failed_at,
  COALESCE(failing_since, 0) AS failing_since,
  COALESCE(first_4xx_at, 0) AS first_4xx_at,
  failed_4xx,
  failed_5xx,
  failed_status,
  recent_answers,
  COALESCE(folded_at, 0) AS folded_at,
  unfolded`

// setAnswers sets the columns of answers to values.
const setAnswers = `
  last_accepted_at = NULLIF(?, 0),
  last_failed_at = NULLIF(?, 0),
  failing_since = NULLIF(?, 0),
  first_4xx_at = NULLIF(?, 0),
  failed_4xx = ?,
  failed_5xx = ?,
  failed_status = ?,
  recent_answers = ?,
  folded_at = NULLIF(?, 0),
  unfolded = ?`

func (a *answers) values() []any {
	return []any{a.Accepted, a.Failed, a.FailingSince, a.First4xx, a.Failed4xx, a.Failed5xx, a.Status, max(a.Recent, 1), a.FoldedAt, a.Unfolded}
}

// fold adds the PUTs of one status at one time. A status that is no answer of class 2xx, 4xx
// or 5xx changes nothing.
func (a *answers) fold(at, status int64) {
	class := status / 100
	if class != 2 && class != 4 && class != 5 {
		return
	}
	if at <= a.FoldedAt {
		a.Unfolded = true // the order of PUTs of one time is that of their keys
		return
	}
	a.add(at, status)
}

func (a *answers) add(at, status int64) {
	a.FoldedAt = at
	a.Recent = max(a.Recent, 1) << 1
	if a.Recent >= 1<<(RecentAnswers+1) {
		a.Recent = a.Recent&(1<<RecentAnswers-1) | 1<<RecentAnswers
	}
	if status < 300 {
		*a = answers{Accepted: at, Failed: a.Failed, Recent: a.Recent, FoldedAt: at, Unfolded: a.Unfolded}
		return
	}
	a.Recent |= 1
	a.Failed, a.Status = at, status
	if a.FailingSince == 0 {
		a.FailingSince = at
	}
	if status >= 500 {
		a.Failed5xx++
		return
	}
	if a.First4xx == 0 {
		a.First4xx = at
	}
	a.Failed4xx++
}

// foldPuts folds the new PUTs of a batch that get a row into their hosts: FoldPuts knows no
// surplus. PUTs ahead of the clock wait for CatchUp.
func (tx *Tx) foldPuts(puts []Put, fates []fate, hosts []*host) {
	for i := range puts {
		if r := &puts[i]; fates[i] == getsRow && r.At <= tx.now {
			h := hosts[r.Host]
			h.answers.fold(r.At, int64(r.Status))
			h.changed, h.answered = true, true
		}
	}
}

// FoldPuts computes the answers again for hosts with a PUT that could not be folded in its
// order. It reads the PUTs of a day up to now, in microseconds, so that the result is that
// of a database that had all of them from the start.
func (tx *Tx) FoldPuts(now int64) error {
	var ids []int64
	if err := tx.Select(&ids, "SELECT id FROM hosts WHERE unfolded = 1"); err != nil || len(ids) == 0 {
		return err
	}
	found := map[int64]*answers{}
	for _, id := range ids {
		found[id] = &answers{Recent: 1}
	}
	var put struct {
		At     int64 `db:"at"`
		Host   int64 `db:"host_id"`
		Status int64 `db:"status"`
	}
	err := tx.EachNamed(&put, `
		SELECT
		  at,
		  host_id,
		  status
		FROM puts
		WHERE at > :from
		  AND at <= :now
		  AND status BETWEEN 200 AND 599
		  AND host_id IN (SELECT id FROM hosts WHERE unfolded = 1)
		ORDER BY at, cursor_hash`, map[string]any{"from": now - answersKept, "now": now}, func() error {
		if class := put.Status / 100; class != 3 {
			found[put.Host].add(put.At, put.Status)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fold PUTs: %w", err)
	}
	for _, id := range ids {
		if err := tx.saveAnswers(id, found[id]); err != nil {
			return err
		}
	}
	tx.s.hosts = nil
	return nil
}

func (tx *Tx) saveAnswers(id int64, a *answers) error {
	update, err := tx.once("UPDATE hosts SET" + setAnswers + " WHERE id = ?")
	if err == nil {
		_, err = update.Exec(append(a.values(), id)...)
	}
	return err
}
