package store

import (
	"database/sql"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Names of the program's own, for facts whose host has no row.
const (
	// InvalidHost collects names that validHost refuses.
	InvalidHost = "(invalid)"
	// OverflowHost collects hosts that never shipped, beyond MaxNeverShipped.
	OverflowHost = "(overflow)"
)

// MaxNeverShipped is the largest number of hosts that never shipped and have their own
// name. It keeps a scanner that invents names from filling the disk and the alerts.
const MaxNeverShipped = 1000

// nameKept is the time in microseconds for which a host that never shipped counts against
// MaxNeverShipped after the last fact about it.
const nameKept = 7 * 24 * Hour

// validHost reports whether a host name is 1 to 255 bytes of valid UTF-8 without
// control characters and slashes.
func validHost(name string) bool {
	if len(name) < 1 || len(name) > 255 || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if r == '/' || unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// host is the part of a row of hosts that a pass keeps in memory. Times are
// microseconds, 0 for none.
type host struct {
	ID        int64  `db:"id"`
	Name      string `db:"name"` // as StoredName writes it
	FirstSeen int64  `db:"first_seen_at"`
	LastShip  int64  `db:"last_ship_at"`
	NextShip  int64  `db:"next_ship_at"`
	LastPut   int64  `db:"last_put_at"`
	NextPut   int64  `db:"next_put_at"`
	LastWord  int64  `db:"last_word_at"`
	answers
	changed  bool
	answered bool      // its answers changed, too
	room     bool      // it counts against MaxNeverShipped
	open     *shipHour // while ships are merged: its row of the current hour
}

func (h *host) shipped() bool { return h.LastShip != 0 || h.NextShip != 0 }

// saw records a ship or a PUT. It moves last if the clock has reached the fact, and
// next otherwise.
func (h *host) saw(at, now int64, last, next *int64) {
	switch {
	case at <= now && at > *last:
		*last = at
		h.changed = true
	case at > now && (*next == 0 || at < *next):
		*next = at
		h.changed = true
	}
	h.heard(at, now)
}

// heard records a fact of any kind.
func (h *host) heard(at, now int64) {
	if at < h.FirstSeen {
		h.FirstSeen, h.changed = at, true
	}
	if word := min(at, now); word > h.LastWord {
		h.LastWord, h.changed = word, true
	}
}

// takesRoom reports whether a stored host counts against MaxNeverShipped.
func (h *host) takesRoom(now int64) bool {
	return !h.shipped() && !pseudo(h.Name) && h.LastWord >= now-nameKept
}

// maxHosts is the largest number of hosts that a pass keeps in memory between batches. A
// fleet has fewer. A flood of invented names may be slower.
const maxHosts = 20_000

// maxHostBytes is the largest total length of their names, in bytes. Ordinary names take a
// tenth.
const maxHostBytes = 4 << 20

type hostCache struct {
	byName       map[string]*host
	bytes        int  // of the names in byName
	whole        bool // it holds all hosts of the table
	neverShipped int
}

const selectHosts = `
SELECT
  id,
  name,
  first_seen_at,
  COALESCE(last_ship_at, 0) AS last_ship_at,
  COALESCE(next_ship_at, 0) AS next_ship_at,
  COALESCE(last_put_at, 0) AS last_put_at,
  COALESCE(next_put_at, 0) AS next_put_at,
  COALESCE(last_word_at, 0) AS last_word_at,` + selectAnswers + `
FROM hosts`

func (tx *Tx) hostCache() (*hostCache, error) {
	if tx.s.hosts != nil {
		return tx.s.hosts, nil
	}
	cache := &hostCache{byName: map[string]*host{}}
	var rows []host
	err := tx.Get(&cache.bytes, "SELECT COALESCE(SUM(LENGTH(name)), 0) FROM (SELECT name FROM hosts LIMIT ?)", maxHosts)
	if err == nil && cache.bytes <= maxHostBytes {
		err = tx.Select(&rows, selectHosts+" LIMIT ?", maxHosts+1)
	}
	if err != nil {
		return nil, err
	}
	if cache.whole = cache.bytes <= maxHostBytes && len(rows) <= maxHosts; !cache.whole {
		cache.bytes = 0
	} else {
		for i := range rows {
			rows[i].room = rows[i].takesRoom(tx.now)
			cache.byName[rows[i].Name] = &rows[i]
		}
	}
	err = tx.Get(&cache.neverShipped, "SELECT COUNT(*) FROM hosts AS h WHERE h.last_word_at >= ? AND "+neverShipped, tx.now-nameKept)
	if err != nil {
		return nil, err
	}
	tx.s.hosts = cache
	return cache, nil
}

// findHost returns a known host, nil if there is none of that name.
func (tx *Tx) findHost(cache *hostCache, name string) (*host, error) {
	if h, ok := cache.byName[name]; ok || cache.whole {
		return h, nil
	}
	var h host
	err := tx.Get(&h, selectHosts+" WHERE name = ?", name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h.room = h.takesRoom(tx.now)
	cache.add(&h)
	return &h, nil
}

func (c *hostCache) add(h *host) {
	c.byName[h.Name] = h
	c.bytes += len(h.Name)
}

// trimHosts forgets the cached hosts if there are too many. Facts of a batch point to
// them, so call it only between two batches.
func (s *Store) trimHosts() {
	if s.hosts != nil && (len(s.hosts.byName) > maxHosts || s.hosts.bytes > maxHostBytes) {
		s.hosts.byName, s.hosts.bytes, s.hosts.whole = map[string]*host{}, 0, false
	}
}

func pseudo(name string) bool { return name == InvalidHost || name == OverflowHost }

// host returns the host with a stored name, and adds it if it is new. ships means that the
// fact is a ship. If it is not, a host that never shipped may count under OverflowHost.
func (tx *Tx) host(name string, ships bool) (*host, error) {
	cache, err := tx.hostCache()
	if err != nil {
		return nil, err
	}
	h, err := tx.findHost(cache, name)
	if err != nil {
		return nil, err
	}
	// A name that never shipped needs room if it is new, or was not heard of for a long time.
	room := !ships && !pseudo(name) && (h == nil || !h.shipped())
	if had := h != nil && h.room; room != had {
		if room && cache.neverShipped >= MaxNeverShipped {
			return tx.host(OverflowHost, false)
		}
		if room {
			cache.neverShipped++
		} else {
			cache.neverShipped--
		}
	}
	if h != nil {
		h.room = room
		return h, nil
	}
	result, err := tx.Exec("INSERT INTO hosts (name, first_seen_at) VALUES (?, ?)", name, MaxTime)
	if err != nil {
		return nil, err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return nil, err
	}
	h = &host{ID: id, Name: name, FirstSeen: MaxTime, room: room}
	cache.add(h)
	return h, nil
}

// setTimes sets the times of a host to values.
const setTimes = `
  first_seen_at = ?,
  last_ship_at = NULLIF(?, 0),
  next_ship_at = NULLIF(?, 0),
  last_put_at = NULLIF(?, 0),
  next_put_at = NULLIF(?, 0),
  last_word_at = ?`

// saveHosts writes the hosts that a batch has changed.
func (tx *Tx) saveHosts(hosts []*host) error {
	for _, h := range hosts {
		if h == nil || !h.changed {
			continue
		}
		// A batch of ships leaves the answers as they are.
		set, args := setTimes, []any{h.FirstSeen, h.LastShip, h.NextShip, h.LastPut, h.NextPut, h.LastWord}
		if h.answered {
			set, args = setTimes+","+setAnswers, append(args, h.answers.values()...)
		}
		update, err := tx.once("UPDATE hosts SET" + set + " WHERE id = ?")
		if err != nil {
			return err
		}
		if _, err := update.Exec(append(args, h.ID)...); err != nil {
			return err
		}
		h.changed, h.answered = false, false
	}
	return nil
}

// catchUp moves the last and next ship, or the last and next PUT, of all hosts whose next
// fact the clock has reached. It reads the facts since then once. If they are pruned, the
// stored next time becomes the last.
const catchUp = `
UPDATE hosts
SET
  last_%[1]s_at = MAX(COALESCE(last_%[1]s_at, 0), next_%[1]s_at, COALESCE(reached, 0)),
  next_%[1]s_at = ahead,
  unfolded = MAX(unfolded, '%[1]s' = 'put')
FROM (
  SELECT
    h.id AS host_id,
    MAX(f.at) FILTER (WHERE f.at <= :now) AS reached,
    MIN(f.at) FILTER (WHERE f.at > :now) AS ahead
  FROM hosts AS h
  LEFT JOIN (%[2]s) AS f
    ON f.host_id = h.id
  WHERE h.next_%[1]s_at <= :now
  GROUP BY h.id
) AS seen
WHERE seen.host_id = hosts.id`

const (
	shipsSince = `
    SELECT series.host_id, MAX(received_at) FILTER (WHERE received_at <= :now) AS at
    FROM ships
    JOIN series ON series.id = series_id
    WHERE received_at >= (SELECT MIN(next_ship_at) FROM hosts)
    GROUP BY series.host_id
    UNION ALL
    SELECT series.host_id, MIN(received_at)
    FROM ships
    JOIN series ON series.id = series_id
    WHERE received_at > :now
    GROUP BY series.host_id`
	putsSince = `
    SELECT host_id, MAX(at) FILTER (WHERE at <= :now) AS at
    FROM puts
    WHERE at >= (SELECT MIN(next_put_at) FROM hosts)
    GROUP BY host_id
    UNION ALL
    SELECT host_id, MIN(at)
    FROM puts
    WHERE at > :now
    GROUP BY host_id`
)

// CatchUp updates the last ship and PUT of hosts whose facts were ahead of the clock
// when they were read, and no longer are.
func (tx *Tx) CatchUp(now int64) error {
	for kind, since := range map[string]string{"ship": shipsSince, "put": putsSince} {
		var due bool
		err := tx.Get(&due, "SELECT EXISTS (SELECT 1 FROM hosts WHERE next_"+kind+"_at <= ?)", now)
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		if _, err := tx.NamedExec(fmt.Sprintf(catchUp, kind, since), map[string]any{"now": now}); err != nil {
			return err
		}
		tx.s.hosts = nil
	}
	return nil
}

// correctShips sets the last and next ship of the hosts whose last one is ahead of the
// clock. The rollups of whole hours know the last ship before the hour of :now.
const correctShips = `
UPDATE hosts
SET
  last_ship_at = NULLIF((
    SELECT MAX(at)
    FROM (
      SELECT MAX(last_at) AS at
      FROM ship_hours
      WHERE host_id = hosts.id AND hour < :now / 3600000000
      UNION ALL
      SELECT MAX(received_at)
      FROM ships
      JOIN series ON series.id = series_id
      WHERE series.host_id = hosts.id AND received_at >= :now / 3600000000 * 3600000000 AND received_at <= :now
    )
  ), 0),
  next_ship_at = COALESCE((
    SELECT MIN(received_at)
    FROM ships
    JOIN series ON series.id = series_id
    WHERE series.host_id = hosts.id AND received_at > :now
  ), last_ship_at)
WHERE last_ship_at > :now`

// correctPuts does the same for PUTs. Of those before the hour of :now, only the hour is
// known.
const correctPuts = `
UPDATE hosts
SET
  last_put_at = (
    SELECT MAX(at)
    FROM (
      SELECT (MAX(hour) + 1) * 3600000000 - 1 AS at
      FROM put_hours
      WHERE host_id = hosts.id AND hour < :now / 3600000000
      UNION ALL
      SELECT MAX(at)
      FROM puts
      WHERE host_id = hosts.id AND at >= :now / 3600000000 * 3600000000 AND at <= :now
    )
  ),
  next_put_at = COALESCE((SELECT MIN(at) FROM puts WHERE host_id = hosts.id AND at > :now), last_put_at),
  unfolded = 1
WHERE last_put_at > :now`

// Correct moves the last ship and PUT of hosts back to the newest ones that are not after
// now, in microseconds. They are ahead if the clock was ahead, or if now is in the past.
func (tx *Tx) Correct(now int64) error {
	var ahead bool
	err := tx.Get(&ahead, "SELECT EXISTS (SELECT 1 FROM hosts WHERE last_ship_at > ?1 OR last_put_at > ?1)", now)
	if err != nil || !ahead {
		return err
	}
	for _, query := range []string{correctShips, correctPuts} {
		if _, err := tx.Exec(query, named(map[string]any{"now": now})...); err != nil {
			return err
		}
	}
	tx.s.hosts = nil
	return nil
}

// neverShipped is a condition on a row of hosts named h: the host never shipped, so anybody
// may have invented its name.
const neverShipped = `h.last_ship_at IS NULL AND h.next_ship_at IS NULL AND h.name NOT IN ('` + InvalidHost + `', '` + OverflowHost + `')`

// NeverShipped reports whether a host is known and has never shipped.
func (tx *Tx) NeverShipped(name string) (never bool, err error) {
	err = tx.Get(&never, "SELECT EXISTS (SELECT 1 FROM hosts AS h WHERE h.name = ? AND "+neverShipped+")", name)
	return never, err
}

// Hosts returns the number of hosts that are known by name.
func (tx *Tx) Hosts() (n int, err error) {
	err = tx.Get(&n, "SELECT COUNT(*) FROM hosts WHERE name NOT IN ('(invalid)', '(overflow)')")
	return n, err
}

// HostID returns the id of a host, 0 if there is none of that name.
func (tx *Tx) HostID(name string) (id int64, err error) {
	err = tx.Get(&id, "SELECT COALESCE(MAX(id), 0) FROM hosts WHERE name = ?", name)
	return id, err
}

// HostNames returns all hosts, by name.
func (tx *Tx) HostNames() (names []string, err error) {
	err = tx.Select(&names, "SELECT name FROM hosts ORDER BY name")
	return names, err
}

// HostStatus is the current state of a host.
type HostStatus struct {
	LastShipAt   sql.NullInt64 `db:"last_ship_at"`  // microseconds
	OpenSymptoms string        `db:"open_symptoms"` // separated by blanks
}

// HostStatus returns the current state of a host. The error is sql.ErrNoRows if there is
// none of that name.
func (tx *Tx) HostStatus(name string) (h HostStatus, err error) {
	err = tx.Get(&h, `
		SELECT
		  h.last_ship_at,
		  COALESCE(s.open_symptoms, '') AS open_symptoms
		FROM hosts AS h
		JOIN host_status AS s ON s.host = h.name
		WHERE h.name = ?`, name)
	return h, err
}
