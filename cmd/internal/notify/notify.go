// Package notify tells people of incidents: it sends the events that passes have said to the
// sinks that a file names. It has what each kind of sink takes, and when a sink is tried again.
// Package store keeps what is to be delivered and what was. The command line reads the clock,
// and says how a run went.
//
// It imports package store and its sub-packages. Only one of its files imports shoutrrr.
package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cis490/fleet-health/store"
)

const (
	// storm is the largest number of events that a sink gets one by one in a run.
	storm = 20
	// sendTimeout is how long a sink may take for a message, unless Options say otherwise.
	sendTimeout = 30 * time.Second
	// runTimeout is how long a run may take. What is not tried by then is left to the next.
	runTimeout = 2 * time.Minute
	// giveUpAfter is how long an event is tried, in microseconds.
	giveUpAfter = 24 * store.Hour
)

// backoff returns how long to wait after so many failed runs, in microseconds.
func backoff(tries int) int64 {
	return min(store.Minute<<min(tries-1, 10), store.Hour)
}

// Options are the options of Run.
type Options struct {
	Now     func() int64  // the time in microseconds
	Timeout time.Duration // how long a sink may take for a message; 0 means 30 s
}

// Outcome is how a run went for a sink.
type Outcome struct {
	Sink    *Sink
	Sent    int    // events
	Waiting int    // events that it has yet to be told of
	Refused int    // events that it will never take
	GivenUp int64  // events that were tried for 24 hours
	Reason  string // why the run failed; "" if it did not
	RetryIn int64  // after a failure, microseconds until the next try; 0 for the next run
}

// Run tells each sink of what is due. A sink that fails or hangs does not hold up the others.
// Nothing is locked while it sends. If it is killed between sending and storing that, the next
// run sends the same message with the same delivery id.
func Run(ctx context.Context, s *store.Store, sinks []Sink, o Options) ([]Outcome, error) {
	o.Timeout = cmp.Or(o.Timeout, sendTimeout)
	var all []*work
	err := s.Update(ctx, func(tx *store.Tx) (err error) {
		all, err = planAll(tx, sinks, o.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	sending, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	results := make(chan result)
	var senders sync.WaitGroup
	for _, w := range all {
		senders.Go(func() { w.send(sending, o.Timeout, results) })
	}
	go func() { senders.Wait(); close(results) }()
	for r := range results {
		// A result that cannot be stored costs a repetition, and is no reason to end the senders.
		if failed := s.Update(ctx, func(tx *store.Tx) error { return r.store(tx, o.Now()) }); failed != nil && err == nil {
			err = failed
		}
	}
	outcomes := make([]Outcome, len(all))
	for n, w := range all {
		outcomes[n] = w.outcome
	}
	return outcomes, err
}

// job is a message, or something else that a sink is told in one step.
type job struct {
	message int64 // in the table of deliveries; 0 for what is not there
	events  int
	send    func(context.Context) error
	sent    func(tx *store.Tx, now int64) error // stores that it was sent; nil for nothing to store
}

// work is what a run does for a sink.
type work struct {
	sink    *Sink
	row     store.Sink
	claimed int64 // the first event that this run claimed, 0 for none
	jobs    []job
	outcome Outcome
}

// result is how a job went. The last one of a sink has no job.
type result struct {
	*work
	job   *job
	err   error
	tried int64 // of the last result: the message that was cut off, 0 for none
}

// send does the jobs in their order, until one fails.
func (w *work) send(ctx context.Context, timeout time.Duration, results chan<- result) {
	tried := int64(0)
	for n := range w.jobs {
		if ctx.Err() != nil {
			break
		}
		j := &w.jobs[n]
		limited, cancel := context.WithTimeout(ctx, timeout)
		err := j.send(limited)
		cancel()
		if err != nil && errors.Is(ctx.Err(), context.Canceled) { // by a signal; the sink has not failed
			tried = j.message
			break
		}
		results <- result{work: w, job: j, err: err}
		if err != nil && !j.refused(err) {
			return
		}
	}
	results <- result{work: w, err: ctx.Err(), tried: tried}
}

// refused reports whether a sink will never take the message of a job.
func (j *job) refused(err error) bool { return j.message > 0 && refused(err) }

// store stores a result.
func (r result) store(tx *store.Tx, now int64) (err error) {
	switch {
	case r.job == nil:
		err = r.ended(tx, now)
	case r.err == nil:
		r.outcome.Sent += r.job.events
		if r.job.sent != nil {
			err = r.job.sent(tx, now)
		}
	case r.job.refused(r.err):
		r.outcome.Refused += r.job.events
		r.outcome.Reason = reason(r.err)
		err = tx.MessageFailed(r.row.ID, r.job.message, r.outcome.Reason, true, now)
	default:
		err = r.failed(tx, now)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.sink, err)
	}
	return nil
}

// ended stores that a sink got through, if that is news.
func (r result) ended(tx *store.Tx, now int64) (err error) {
	if r.err != nil { // a signal or the time of the run has ended it
		err = tx.ReleaseDeliveries(r.row.ID, r.tried, r.claimed)
	}
	if err == nil && (r.outcome.Sent > 0 || r.err == nil && r.row.Tries > 0 && len(r.jobs) > 0) {
		err = tx.SinkEnded(r.row.ID, "", now, 0)
	}
	if err == nil {
		r.outcome.Waiting, err = tx.CountWaiting(r.row.ID)
	}
	return err
}

// failed stores that a sink could not be told, and that its later messages were not tried.
func (r result) failed(tx *store.Tx, now int64) (err error) {
	r.outcome.Reason = reason(r.err)
	if r.sink.kind != takesPings {
		r.outcome.RetryIn = backoff(r.row.Tries + 1)
	}
	if err := tx.SinkEnded(r.row.ID, r.outcome.Reason, now, r.outcome.RetryIn); err != nil {
		return err
	}
	if r.job.message > 0 {
		if err := tx.MessageFailed(r.row.ID, r.job.message, r.outcome.Reason, false, now); err != nil {
			return err
		}
	}
	if err := tx.ReleaseDeliveries(r.row.ID, r.job.message, r.claimed); err != nil {
		return err
	}
	// After the try, so that what waited for a machine that was off is tried once more.
	if r.outcome.GivenUp, err = tx.GiveUpDeliveries(r.row.ID, now-giveUpAfter, now); err != nil {
		return err
	}
	r.outcome.Waiting, err = tx.CountWaiting(r.row.ID)
	return err
}
