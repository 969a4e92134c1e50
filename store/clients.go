package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

const (
	// ClientsKept is the time for which the addresses of PUTs are kept, in microseconds.
	ClientsKept = 48 * Hour
	// maxClients is the largest number of addresses per host and hour.
	maxClients = 8
)

// MoreClients stands for the addresses beyond maxClients.
const MoreClients = ""

// ClientHour is an address from which a host sent PUTs in an hour. It has no count, so
// that lines read again change nothing.
type ClientHour struct {
	Hour   int64  `db:"hour"`   // hours since 1970
	Client string `db:"client"` // an IP address, or MoreClients
	Host   int64  `db:"host_id"`
}

const insertClients = `
INSERT INTO put_clients (hour, host_id, source_id, client)`

const knownClients = `
SELECT hour, client, host_id
FROM put_clients
WHERE hour = ? AND source_id = ?`

// saveClients stores the addresses of a batch's PUTs that are newer than ClientsKept. For
// each host and hour, it stores only the first maxClients.
func (tx *Tx) saveClients(b *Batch, hosts []*host) error {
	rows := clientHours(b, hosts)
	if len(rows) == 0 {
		return nil
	}
	known := map[ClientHour]bool{}
	kept := map[ClientHour]int{} // number of addresses, by the row without its address
	for _, hour := range touchedHours(len(rows), func(i int) int64 { return rows[i].Hour * Hour }) {
		var stored []ClientHour
		if err := tx.Select(&stored, knownClients, hour, b.Source); err != nil {
			return err
		}
		for _, r := range stored {
			known[r] = true
			kept[ClientHour{Hour: r.Hour, Host: r.Host}]++
		}
	}
	fresh := rows[:0]
	for _, r := range rows {
		one := ClientHour{Hour: r.Hour, Host: r.Host}
		if !known[r] && kept[one] >= maxClients {
			r.Client = MoreClients
		}
		if !known[r] {
			known[r] = true
			kept[one]++
			fresh = append(fresh, r)
		}
	}
	slices.SortFunc(fresh, func(a, b ClientHour) int {
		return cmp.Or(cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Client, b.Client))
	})
	_, err := tx.insertMany(insertClients, "", 4, len(fresh), func(i int, values []driver.NamedValue) {
		setInts(values, fresh[i].Hour, fresh[i].Host, b.Source)
		values[3].Value = fresh[i].Client
	})
	return err
}

// clientHours returns the addresses of a batch's PUTs in the order of reading. An address
// may be repeated if the hours of its host alternate. If an hour has more than maxClients,
// one MoreClients stands for the rest.
func clientHours(b *Batch, hosts []*host) (rows []ClientHour) {
	latest := make([]clientsOfHour, len(b.Hosts))
	for i := range b.Puts {
		r := &b.Puts[i]
		if r.Client == 0 || r.At < b.Now-ClientsKept || r.At > b.Now+FutureTolerance {
			continue
		}
		of, hour := &latest[r.Host], r.At/Hour
		if of.hour != hour {
			*of = clientsOfHour{hour: hour}
		}
		if of.n > maxClients || slices.Contains(of.clients[:min(of.n, maxClients)], r.Client) {
			continue
		}
		client := MoreClients
		if of.n < maxClients {
			of.clients[of.n], client = r.Client, b.Clients[r.Client-1]
		}
		of.n++
		rows = append(rows, ClientHour{hour, client, hosts[r.Host].ID})
	}
	return rows
}

// clientsOfHour holds the addresses of a host and hour in a batch.
type clientsOfHour struct {
	hour    int64
	n       int // maxClients+1 if clients does not hold all
	clients [maxClients]int32
}

// ForgetClients deletes the addresses of the hours before a time in microseconds.
func (tx *Tx) ForgetClients(before int64) error {
	_, err := tx.Exec("DELETE FROM put_clients WHERE hour < ?", before/Hour)
	return err
}

// Clients returns the addresses from which a host sent PUTs, for a range of hours since
// 1970. MoreClients comes last in its hour. The query seeks each hour, because the key of
// the table starts with the hour.
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
