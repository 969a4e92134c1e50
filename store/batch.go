package store

import (
	"context"
	"fmt"
	"slices"
)

// FutureTolerance is how far ahead of the clock, in microseconds, a fact may be before
// it counts as one from the future.
const FutureTolerance = 5 * Minute

// Batch is what a reader found in one stretch of a source. It is saved as a whole,
// together with the cursor after it, or not at all.
type Batch struct {
	Source int64 // from Store.Source
	Now    int64 // the clock of the pass, in microseconds
	// Ships, PUTs and rejections hold indices into Series, Hosts and Clients.
	Series     []Series
	Hosts      []string
	Clients    []string // IP addresses as netip.Addr writes them
	Ships      []Ship
	Puts       []Put
	Rejections []Rejection
	Quarantine Quarantine
	Gaps       []Gap
	// Recovered means that the source was read on from its cursor. Its recoverable gaps
	// hide nothing any more.
	Recovered bool
	State     string // the reader's position after this batch; "" keeps the stored one
}

// Saved counts the facts of a batch that were new.
type Saved struct {
	Ships, Puts, Rejections int
	Floods                  []Flood // PUTs and rejections beyond the quota; they are counted above, too
	Future                  int     // facts more than FutureTolerance ahead of the clock
	Expired                 int     // facts left out because their hours are pruned
	Quarantined             int     // lines that could not be read as facts
	ExpiredBefore           int64   // end of the pruned hours, in microseconds; 0 if Expired is 0
}

// Save stores a batch in one transaction: its rows, the rollups and hosts that follow
// from them, and the cursor. It leaves out rows that are stored already, so reading the
// same bytes again changes nothing. It also leaves out rows of pruned hours.
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
	// Ships come first: a host that ships needs no room among those that never shipped.
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
	// This comes before savePuts, which removes known PUTs from the batch.
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
	// Rows read again were counted earlier, so cap the count at the new rows.
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
