package store

import (
	"context"
	"fmt"
	"slices"
)

// FutureTolerance is how far ahead of the clock a fact may be stamped before
// it counts as a stamp from the future.
const FutureTolerance = 5 * Minute

// Batch is what a reader found in one stretch of a source. It is saved whole,
// with the cursor behind it, or not at all.
type Batch struct {
	Source int64 // from Store.Source
	Now    int64 // the clock of the pass, in microseconds
	// Series and Hosts are what the facts below point into.
	Series     []Series
	Hosts      []string
	Clients    []string // IP addresses as netip.Addr writes them
	Ships      []Ship
	Puts       []Put
	Rejections []Rejection
	Quarantine Quarantine
	Gaps       []Gap
	// Recovered tells that the source has been read on from its cursor, so that
	// what its recoverable gaps hid is known now.
	Recovered bool
	State     string // the reader's position behind this batch; "" keeps the stored one
}

// Saved counts the facts of a batch that were new.
type Saved struct {
	Ships, Puts, Rejections int
	Floods                  []Flood // the PUTs and rejections beyond the quota, which are counted above
	Future                  int     // facts stamped more than FutureTolerance ahead of the clock
	Expired                 int     // facts of hours that have been pruned, left out
	Quarantined             int     // lines that could not be read as facts
	ExpiredBefore           int64   // the end of the pruned hours, in microseconds; 0 if Expired is
}

// Save stores a batch: its rows, the rollups and hosts that follow from them,
// and the cursor, in one transaction. Rows that are already there are left out,
// so reading the same bytes again changes nothing; and so are rows of hours that
// have been pruned, new or not.
func (s *Store) Save(ctx context.Context, b *Batch) (saved Saved, err error) {
	err = s.Update(ctx, func(tx *Tx) error {
		saved, err = tx.save(b)
		return err
	})
	return saved, err
}

func (tx *Tx) save(b *Batch) (saved Saved, err error) {
	tx.now = b.Now
	tx.s.trimHosts()
	if err := tx.leaveOut(b, &saved); err != nil {
		return saved, err
	}
	hosts := make([]*host, len(b.Hosts))
	series := make([]*series, len(b.Series))
	newest := int64(0)
	see := func(at int64) {
		if at > b.Now+FutureTolerance {
			saved.Future++
		} else {
			newest = max(newest, at)
		}
	}
	// Ships first: they decide which hosts are more than a made-up name.
	for i := range b.Ships {
		r := &b.Ships[i]
		if series[r.Series] == nil {
			if series[r.Series], err = tx.resolveSeries(b.Source, b.Series[r.Series]); err != nil {
				return saved, err
			}
		}
		h := series[r.Series].host
		h.saw(r.ReceivedAt, b.Now, &h.LastShip, &h.NextShip)
		see(r.ReceivedAt)
	}
	for i := range b.Puts {
		r := &b.Puts[i]
		if hosts[r.Host] == nil {
			if hosts[r.Host], err = tx.host(countedUnder(b.Hosts[r.Host]), false); err != nil {
				return saved, err
			}
		}
		h := hosts[r.Host]
		h.saw(r.At, b.Now, &h.LastPut, &h.NextPut)
		see(r.At)
	}
	for i := range b.Rejections {
		r := &b.Rejections[i]
		if hosts[r.Host] == nil {
			if hosts[r.Host], err = tx.host(countedUnder(b.Hosts[r.Host]), false); err != nil {
				return saved, err
			}
		}
		hosts[r.Host].heard(r.At, b.Now)
		see(r.At)
	}
	if saved.Ships, err = tx.saveShips(b.Source, b.Ships, series); err != nil {
		return saved, fmt.Errorf("store ships: %w", err)
	}
	// Before savePuts, which takes known PUTs out of the batch.
	if err := tx.saveClients(b, hosts); err != nil {
		return saved, fmt.Errorf("store addresses of PUTs: %w", err)
	}
	floods := [2][]Flood{}
	if saved.Puts, floods[0], err = tx.savePuts(b.Source, b.Puts, hosts); err != nil {
		return saved, fmt.Errorf("store puts: %w", err)
	}
	if saved.Rejections, floods[1], err = tx.saveRejections(b.Source, b.Rejections, hosts); err != nil {
		return saved, fmt.Errorf("store rejections: %w", err)
	}
	saved.Floods = slices.Concat(floods[0], floods[1])
	// What was read again has been counted before.
	saved.Future = min(saved.Future, saved.Ships+saved.Puts+saved.Rejections)
	for _, one := range series {
		if one != nil {
			hosts = append(hosts, one.host)
		}
	}
	if err := tx.saveHosts(hosts); err != nil {
		return saved, fmt.Errorf("store hosts: %w", err)
	}
	if saved.Quarantined, err = tx.saveQuarantine(b.Source, &b.Quarantine, b.Now); err != nil {
		return saved, fmt.Errorf("store quarantine: %w", err)
	}
	if err := tx.saveGaps(b.Source, b.Gaps, b.Recovered, b.Now); err != nil {
		return saved, fmt.Errorf("store gaps: %w", err)
	}
	if err := tx.moveCursor(b.Source, b.State, newest, b.Now); err != nil {
		return saved, fmt.Errorf("store cursor: %w", err)
	}
	return saved, nil
}

// touchedHours returns the hours of n facts, each once, in order.
func touchedHours(n int, at func(i int) int64) []int64 {
	var hours []int64
	for i := range n {
		if hour := at(i) / Hour; len(hours) == 0 || hours[len(hours)-1] != hour {
			hours = append(hours, hour)
		}
	}
	slices.Sort(hours)
	return slices.Compact(hours)
}
