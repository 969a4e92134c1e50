package store

import "database/sql"

// Acts of operators.
const (
	ActAck      = "ack"
	ActUnack    = "unack"
	ActMute     = "mute"
	ActUnmute   = "unmute"
	ActRetire   = "retire"
	ActUnretire = "unretire"
	ActSet      = "set"
	ActUnset    = "unset"
)

// Act is what an operator did to an incident or to a host. Times are microseconds.
type Act struct {
	At         int64
	Act        string
	IncidentID sql.NullInt64  // NULL for an act on a host
	Host       sql.NullString // as StoredName writes it; NULL for an act on an incident
	UntilAt    sql.NullInt64  // NULL for an act without an end
	Who        string         // a login name; all of it must be visible
	Note       string         // the reason, "" for none; all of it must be visible
	// Of ActSet and ActUnset: the threshold that holds for the host from now on.
	Setting sql.NullString
	Value   sql.NullInt64  // microseconds, a number, or 1 and 0 for on and off; NULL for ActUnset
	Typed   sql.NullString // the same as it was typed; all of it must be visible
}

// AddAct stores what an operator did.
func (tx *Tx) AddAct(a Act) error {
	_, err := tx.Exec(`
		INSERT INTO operator_acts (at, act, incident_id, host, until_at, who, note, setting, value, typed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.At, a.Act, a.IncidentID, a.Host, a.UntilAt, a.Who, a.Note, a.Setting, a.Value, a.Typed)
	return err
}

// Setting is a threshold that holds for one host.
type Setting struct {
	Host  string `db:"host"` // as StoredName writes it
	Name  string `db:"setting"`
	Value int64  `db:"value"` // microseconds, a number, or 1 and 0 for on and off
	Typed string `db:"typed"`
	At    int64  `db:"at"` // microseconds
	Who   string `db:"who"`
	Note  string `db:"note"`
}

// Settings returns the thresholds that held for hosts at a time in microseconds, by host and
// name. It returns those of one host, or of all if host is "".
func (tx *Tx) Settings(host string, at int64) (list []Setting, err error) {
	err = tx.Select(&list, `
		SELECT
		  host,
		  setting,
		  value,
		  typed,
		  at,
		  who,
		  note
		FROM (
		  SELECT
		    *,
		    MAX(id)
		  FROM operator_acts
		  WHERE setting IS NOT NULL
		    AND at <= ?2
		    AND (?1 = '' OR host = ?1)
		  GROUP BY
		    setting,
		    host
		)
		WHERE value IS NOT NULL
		ORDER BY
		  host,
		  setting`, host, at)
	return list, err
}

// HostSettings are what operators have set for a host. Times are microseconds, NULL for
// what is not set.
type HostSettings struct {
	MutedUntil sql.NullInt64 `db:"muted_until"` // may be over
	RetiredAt  sql.NullInt64 `db:"retired_at"`
}

// HostSettings returns what operators have set for a host. The error is sql.ErrNoRows if
// there is none of that name.
func (tx *Tx) HostSettings(name string) (h HostSettings, err error) {
	err = tx.Get(&h, `
		SELECT
		  muted_until,
		  retired_at
		FROM hosts
		WHERE name = ?`, name)
	return h, err
}

// SetHost stores what operators have set for a host.
func (tx *Tx) SetHost(name string, h HostSettings) error {
	_, err := tx.Exec(`
		UPDATE hosts
		SET
		  muted_until = ?,
		  retired_at = ?
		WHERE name = ?`, h.MutedUntil, h.RetiredAt, name)
	return err
}

// ExpectHostFrom does what ExpectFrom does for one host.
func (tx *Tx) ExpectHostFrom(name string, at int64) error {
	_, err := tx.Exec("UPDATE hosts SET expected_from = ? WHERE name = ?", at, name)
	return err
}
