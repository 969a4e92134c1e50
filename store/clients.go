package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

const (
	// ClientsKept is how long the addresses of PUTs are kept, in microseconds.
	ClientsKept = 48 * Hour
	// MaxClients is how many addresses of a host are kept of an hour.
	MaxClients = 8
)

// MoreClients stands for the addresses beyond MaxClients.
const MoreClients = ""

// ClientHour is an address that a host's PUTs came from in an hour. There is no
// count, so that lines which are read again change nothing.
type ClientHour struct {
	Hour   int64  `db:"hour"`   // hours since 1970
	Client string `db:"client"` // an IP address, or MoreClients
	host   int64
}

const insertClients = `
INSERT INTO put_clients (hour, host_id, source_id, client)`

// The first MaxClients addresses in the order of their text stay: which these are
// does not depend on when they came.
const (
	noteMoreClients = `
INSERT INTO put_clients (hour, host_id, source_id, client)
SELECT hour, host_id, source_id, ''
FROM put_clients
WHERE hour = ? AND client <> ''
GROUP BY host_id, source_id
HAVING COUNT(*) > ?
ON CONFLICT DO NOTHING`

	dropMoreClients = `
DELETE FROM put_clients
WHERE hour = ?1
  AND (host_id, source_id, client) IN (
    SELECT host_id, source_id, client
    FROM (
      SELECT
        host_id,
        source_id,
        client,
        ROW_NUMBER() OVER (PARTITION BY host_id, source_id ORDER BY client) AS n
      FROM put_clients
      WHERE hour = ?1 AND client <> ''
    )
    WHERE n > ?2
  )`
)

// saveClients stores the addresses of a batch's PUTs, of the time that they are
// kept for.
func (tx *Tx) saveClients(b *Batch, hosts []*host) error {
	rows := clientHours(b, hosts)
	if len(rows) == 0 {
		return nil
	}
	inserted, err := tx.insertMany(insertClients, " ON CONFLICT DO NOTHING", 4, len(rows), func(i int, values []driver.NamedValue) {
		setInts(values, rows[i].Hour, rows[i].host, b.Source)
		values[3].Value = rows[i].Client
	})
	if err != nil || inserted == 0 {
		return err
	}
	for _, hour := range touchedHours(len(rows), func(i int) int64 { return rows[i].Hour * Hour }) {
		if _, err := tx.Exec(noteMoreClients, hour, MaxClients); err != nil {
			return err
		}
		if _, err := tx.Exec(dropMoreClients, hour, MaxClients); err != nil {
			return err
		}
	}
	return nil
}

// clientHours returns the addresses of a batch's PUTs in the order of the table:
// of a host's hour no more than it takes to know that there are too many.
func clientHours(b *Batch, hosts []*host) []ClientHour {
	type key struct {
		hour         int64
		host, client int32
	}
	seen, last := map[key]bool{}, make([]key, len(b.Hosts)) // the last one of each host: most have no other
	for i := range b.Puts {
		r := &b.Puts[i]
		if r.Client == 0 || r.At < b.Now-ClientsKept || r.At > b.Now+FutureTolerance {
			continue
		}
		if k := (key{r.At / Hour, r.Host, r.Client}); k != last[r.Host] {
			seen[k], last[r.Host] = true, k
		}
	}
	rows := make([]ClientHour, 0, len(seen))
	for k := range seen {
		rows = append(rows, ClientHour{k.hour, b.Clients[k.client-1], hosts[k.host].ID})
	}
	slices.SortFunc(rows, func(a, b ClientHour) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.host, b.host), cmp.Compare(a.Client, b.Client))
	})
	rows = slices.Compact(rows)
	kept, of := rows[:0], 0
	for i, r := range rows {
		if i == 0 || r.Hour != kept[len(kept)-1].Hour || r.host != kept[len(kept)-1].host {
			of = 0
		}
		if of++; of <= MaxClients+1 {
			kept = append(kept, r)
		}
	}
	return kept
}

// ForgetClients deletes the addresses of the hours before a time in microseconds.
func (tx *Tx) ForgetClients(before int64) error {
	_, err := tx.Exec("DELETE FROM put_clients WHERE hour < ?", before/Hour)
	return err
}

// Clients returns the addresses that a host's PUTs came from in the hours from
// one to another, MoreClients last in an hour. It seeks each hour that is kept.
func (tx *Tx) Clients(host, from, to int64) (clients []ClientHour, err error) {
	err = tx.Select(&clients, `
		WITH RECURSIVE hours (hour) AS (
		  SELECT MIN(hour)
		  FROM put_clients
		  WHERE hour >= ?1
		  UNION ALL
		  SELECT (SELECT MIN(p.hour) FROM put_clients AS p WHERE p.hour > h.hour)
		  FROM hours AS h
		  WHERE h.hour < ?2
		)
		SELECT DISTINCT
		  h.hour,
		  p.client
		FROM hours AS h
		CROSS JOIN put_clients AS p ON p.hour = h.hour AND p.host_id = ?3
		WHERE h.hour <= ?2
		ORDER BY h.hour, p.client = '', p.client`, from, to, host)
	return clients, err
}
