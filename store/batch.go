package store

import (
	"context"
	"fmt"
	"slices"
)

// FutureTolerance is the largest time, in microseconds, by which a fact may be ahead of the
// clock without counting as one from the future.
const FutureTolerance = 5 * Minute

// Batch has the facts from one part of a source. It is saved completely, together with the
// cursor after it, or not at all.
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
	// The receiver's own words.
	UnitChanges []UnitChange
	Errors      []ReceiverError
	Quarantine  Quarantine
	Gaps        []Gap
	// Recovered means that the source was read on from its cursor, so its recoverable
	// gaps no longer hide facts.
	Recovered bool
	State     string // the reader's position after this batch; "" keeps the cursor
}

// Saved counts the facts of a batch that were new.
type Saved struct {
	Ships, Puts, Rejections int
	Floods                  []Flood // surplus PUTs and rejections; Puts and Rejections include them
	Future                  int     // facts more than FutureTolerance ahead of the clock
	Expired                 int     // facts left out because their hours are pruned
	Quarantined             int     // lines that could not be read as facts
	ExpiredBefore           int64   // end of the pruned hours, in microseconds; 0 if Expired is 0
}

// Save stores a batch in one transaction: its rows, their rollups and hosts, and the
// cursor. It leaves out rows that are already stored, so reading the same bytes again
// changes nothing. It also leaves out rows of pruned hours.
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
	// Ships come first: a host that ships needs no room among those that never shipped.
	series, err := tx.seriesOf(b)
	if err != nil {
		return saved, err
	}
	hosts, err := tx.hostsOf(b)
	if err != nil {
		return saved, err
	}
	newest, future := b.times()
	if err := tx.saveFacts(b, series, hosts, &saved); err != nil {
		return saved, err
	}
	// Rows read again were counted earlier, so cap the count at the new rows.
	saved.Future = min(future, saved.Ships+saved.Puts+saved.Rejections)
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

// seriesOf returns the series of a batch, and records its ships in their hosts. A series
// without ships is nil.
func (tx *Tx) seriesOf(b *Batch) ([]*series, error) {
	found := make([]*series, len(b.Series))
	for _, r := range b.Ships {
		if found[r.Series] == nil {
			var err error
			if found[r.Series], err = tx.resolveSeries(b.Source, b.Series[r.Series]); err != nil {
				return nil, err
			}
		}
		h := found[r.Series].host
		h.saw(r.ReceivedAt, b.Now, &h.LastShip, &h.NextShip)
	}
	return found, nil
}

// hostsOf returns the hosts of a batch, and records its PUTs and rejections in them. A
// host with neither is nil.
func (tx *Tx) hostsOf(b *Batch) ([]*host, error) {
	found := make([]*host, len(b.Hosts))
	find := func(i int32) (h *host, err error) {
		if found[i] == nil {
			found[i], err = tx.host(countedUnder(b.Hosts[i]), false)
		}
		return found[i], err
	}
	for _, r := range b.Puts {
		h, err := find(r.Host)
		if err != nil {
			return nil, err
		}
		h.saw(r.At, b.Now, &h.LastPut, &h.NextPut)
	}
	for _, r := range b.Rejections {
		h, err := find(r.Host)
		if err != nil {
			return nil, err
		}
		h.heard(r.At, b.Now)
	}
	return found, nil
}

// times returns the time of the newest fact that is not from the future, 0 for none, and
// the number of facts from the future.
func (b *Batch) times() (newest int64, future int) {
	see := func(at int64) {
		if at > b.Now+FutureTolerance {
			future++
		} else {
			newest = max(newest, at)
		}
	}
	for _, r := range b.Ships {
		see(r.ReceivedAt)
	}
	for _, r := range b.Puts {
		see(r.At)
	}
	for _, r := range b.Rejections {
		see(r.At)
	}
	return newest, future
}

// saveFacts stores the ships, PUTs, rejections and the receiver's words of a batch. It
// reorders and overwrites these slices.
func (tx *Tx) saveFacts(b *Batch, series []*series, hosts []*host, saved *Saved) (err error) {
	if saved.Ships, err = tx.saveShips(b.Source, b.Ships, series); err != nil {
		return fmt.Errorf("store ships: %w", err)
	}
	// This comes before savePuts, which removes known PUTs from the batch.
	if err := tx.saveClients(b, hosts); err != nil {
		return fmt.Errorf("store addresses of PUTs: %w", err)
	}
	var puts, rejections []Flood
	if saved.Puts, puts, err = tx.savePuts(b.Source, b.Puts, hosts); err != nil {
		return fmt.Errorf("store puts: %w", err)
	}
	if saved.Rejections, rejections, err = tx.saveRejections(b.Source, b.Rejections, hosts); err != nil {
		return fmt.Errorf("store rejections: %w", err)
	}
	if err := tx.saveUnitChanges(b.Source, b.UnitChanges); err != nil {
		return fmt.Errorf("store states of the unit: %w", err)
	}
	if err := tx.saveReceiverErrors(b.Source, b.Errors); err != nil {
		return fmt.Errorf("store errors of the receiver: %w", err)
	}
	saved.Floods = slices.Concat(puts, rejections)
	return nil
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
