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
}

// AddAct stores what an operator did.
func (tx *Tx) AddAct(a Act) error {
	_, err := tx.Exec(`
		INSERT INTO operator_acts (at, act, incident_id, host, until_at, who, note)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, a.At, a.Act, a.IncidentID, a.Host, a.UntilAt, a.Who, a.Note)
	return err
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
