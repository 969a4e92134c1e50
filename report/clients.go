package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

// manyOthers stands for the addresses that were not stored because there were too many.
const manyOthers = "others"

// hostClients returns the stored addresses that a host's PUTs came from in the hours of
// a window.
func hostClients(tx *store.Tx, host string, w Window, b Buckets) ([]store.ClientHour, error) {
	id, err := tx.HostID(host)
	if err != nil {
		return nil, err
	}
	return tx.Clients(id, b.Bounds[0]/store.Hour, w.Until/store.Hour)
}

// clientsIn returns the distinct addresses of the hours that a bucket overlaps. The bucket
// ends before to; both times are in microseconds.
func clientsIn(clients []store.ClientHour, from, to int64) (in words) {
	more := false
	for _, c := range clients {
		switch {
		case c.Hour < from/store.Hour || c.Hour*store.Hour >= to:
		case c.Client == store.MoreClients:
			more = true
		case !slices.Contains(in, c.Client):
			in = append(in, c.Client)
		}
	}
	if more {
		in = append(in, manyOthers)
	}
	return in
}

// clientSet is a set of addresses that a host used within one hour.
type clientSet struct {
	clients words
	hours   int   // the number of such hours
	last    int64 // the last of them, in hours since 1970
}

// clientSets returns the sets of more than one address, latest first.
func clientSets(clients []store.ClientHour) (sets []clientSet) {
	for i, c := range clients {
		if i > 0 && c.Hour == clients[i-1].Hour {
			continue
		}
		in := clientsIn(clients, c.Hour*store.Hour, (c.Hour+1)*store.Hour)
		if len(in) < 2 {
			continue
		}
		i := slices.IndexFunc(sets, func(s clientSet) bool { return slices.Equal(s.clients, in) })
		hours := 1
		if i >= 0 {
			hours += sets[i].hours
			sets = slices.Delete(sets, i, i+1)
		}
		sets = append(sets, clientSet{in, hours, c.Hour})
	}
	slices.Reverse(sets)
	return sets
}

// maxClientSets limits the sets of addresses that stand below a history.
const maxClientSets = 3

// sharedName returns the lines about hours in which a host's PUTs came from more than one
// address, because two machines may use one name. It returns "" if there were none.
func sharedName(sets []clientSet, p page, zone *time.Location) string {
	if len(sets) == 0 {
		return ""
	}
	text := "\n"
	for i, set := range sets {
		if i == maxClientSets {
			text += fmt.Sprintf("PUTs from %d more set(s) of addresses\n", len(sets)-maxClientSets)
			break
		}
		from := strings.Join(set.clients[:len(set.clients)-1], ", ") + " and " + set.clients[len(set.clients)-1]
		line := fmt.Sprintf("PUTs from %s in the hour of %s", from, show(minute(set.last*store.Hour), zone))
		if set.hours > 1 {
			line += fmt.Sprintf(", and in %d other hour(s)", set.hours-1)
		}
		text += p.line(line) + "\n"
	}
	return text
}
