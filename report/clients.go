package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

// manyOthers stands for the addresses that were too many to keep.
const manyOthers = "others"

// hostClients returns the addresses that a host's PUTs came from in the hours of a
// window, as far as they are kept.
func hostClients(tx *store.Tx, host string, w Window, b Buckets) ([]store.ClientHour, error) {
	id, err := tx.HostID(host)
	if err != nil {
		return nil, err
	}
	return tx.Clients(id, b.Bounds[0]/store.Hour, w.Until/store.Hour)
}

// clientsIn returns the addresses of the hours that a bucket stands in, each once.
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

// clientSet is a set of addresses that a host has used within one hour.
type clientSet struct {
	clients words
	hours   int
	last    int64 // the last of the hours, since 1970
}

// clientSets returns the sets of more than one address, the latest first.
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

// maxClientSets is how many sets of addresses are named below a history.
const maxClientSets = 3

// sharedName says where a host's PUTs came from more than one address within an
// hour: two machines may go by one name.
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
