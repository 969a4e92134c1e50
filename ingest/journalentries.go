package ingest

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/cis490/fleet-health/store"
)

// droppedID is the MESSAGE_ID of journald's "Suppressed N messages from …"
// (SD_MESSAGE_JOURNAL_DROPPED).
const droppedID = "a596d6fe7bfa4994828e72309e95d61e"

// maxGaps is how many gaps of a pass the Result lists. All gaps are stored.
const maxGaps = 100

// entryReader turns journal entries into batches.
type entryReader struct {
	s       *store.Store
	source  int64
	unit    string
	now     int64
	hosts   hostNames
	clients clientNames // addresses of clients that sent PUTs
	result  *Result
	batch   *store.Batch
	last    int64 // time of the previous entry
	seen    int   // entries in the batch
	when    entryTime
	twins   map[uint64]uint64 // number of entries with that time, by the hash of their cursors
	hash    uint64            // hash of the current entry

	messageReader
	report   func(outcome) // the method take, allocated once
	written  int64         // time of the current entry
	outcomes uint64        // number of outcomes in the current entry
	errors   uint64        // number of errors in the current entry
}

// entryTime is the time of an entry by both clocks, in microseconds. Several entries
// may share one.
type entryTime struct {
	at, monotonic int64
	boot          []byte
}

func (w *entryTime) is(e *entry) bool {
	return e.at == w.at && e.monotonic == w.monotonic && bytes.Equal(e.boot, w.boot)
}

// entryKey returns the part of a cursor after the entry's number, from the boot on.
// Only the number changes when journald copies the entry from /run to /var (systemd,
// journal_file_copy_entry). Equal keys in two files mean the same entry. In one file
// they mean entries with the same time and text.
func entryKey(cursor []byte) []byte { return cursor[max(0, bytes.Index(cursor, []byte(";b="))):] }

// sameEntry reports whether two cursors belong to the same entry.
func sameEntry(a, b []byte) bool { return bytes.Equal(entryKey(a), entryKey(b)) }

// count hashes an entry so that it differs from its twins. Reading must start with the
// first entry of a time, because the hash contains the number of earlier twins.
func (r *entryReader) count(e *entry) {
	if !r.when.is(e) {
		r.when = entryTime{e.at, e.monotonic, append(r.when.boot[:0], e.boot...)}
		clear(r.twins)
	}
	hash := xxhash.Sum64(entryKey(e.cursor))
	r.hash = hash + r.twins[hash]<<32
	r.twins[hash]++
}

func newEntryReader(s *store.Store, source int64, unit string, now int64, result *Result) *entryReader {
	r := &entryReader{s: s, source: source, unit: fullUnitName(unit), now: now, result: result, twins: map[uint64]uint64{}}
	r.report, r.say = r.take, r.takeError
	r.reset()
	return r
}

// fullUnitName adds .service to a name without a unit type, as journalctl does:
// my.receiver becomes my.receiver.service.
func fullUnitName(name string) string {
	types := []string{".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope"}
	if slices.Contains(types, filepath.Ext(name)) {
		return name
	}
	return name + ".service"
}

func (r *entryReader) reset() {
	if len(r.hosts.list) > maxNames {
		r.hosts = hostNames{}
	}
	if len(r.clients.words) > maxNames {
		r.clients = clientNames{}
	}
	r.batch = &store.Batch{Source: r.source, Now: r.now}
	r.seen = 0
}

// full reports whether the batch must be saved. It counts rows as well as entries,
// because an entry of many lines may give hundreds of rows.
func (r *entryReader) full() bool {
	return max(r.seen, len(r.batch.Puts)+len(r.batch.Rejections)+len(r.batch.Errors)) >= chunkEntries
}

// add parses an entry and adds its rows to the batch.
func (r *entryReader) add(e *entry) {
	r.count(e)
	r.seen++
	defer func() { r.last = e.at }()
	if string(e.messageID) == droppedID {
		r.dropped(e)
		return
	}
	// PID 1 logs messages about the unit, but they are not the receiver's.
	if string(e.pid) == "1" {
		r.unitChange(e)
		return
	}
	if len(e.unit) > 0 && string(e.unit) != r.unit {
		return
	}
	r.written, r.outcomes, r.errors = e.at, 0, 0
	from := origin{pid: e.pid, stream: e.stream, cut: string(e.lineBreak) == "line-max", failed: e.priority != 0 && e.priority <= '3'}
	r.messageReader.message(from, e.message, e.priority != 0 && e.priority <= '4', r.report)
	r.result.Heard.add(e, r.outcomes > 0)
}

// take adds an outcome from the current entry to the batch.
func (r *entryReader) take(f outcome) {
	host := r.hosts.id(f.host)
	hash := r.hash + r.outcomes
	r.outcomes++
	if f.status != 0 {
		r.batch.Puts = append(r.batch.Puts, store.Put{At: r.written, CursorHash: hash, Host: host, Status: f.status, Client: r.clients.id(f.client)})
		return
	}
	reason := store.ReasonOther
	if f.unstamped {
		reason = store.ReasonUnstamped
	}
	r.batch.Rejections = append(r.batch.Rejections, store.Rejection{At: r.written, CursorHash: hash,
		Host: host, Reason: reason, Message: bounded(f.message)})
}

// takeError adds an error from the current entry to the batch.
func (r *entryReader) takeError(e errorLine) {
	r.batch.Errors = append(r.batch.Errors,
		store.ReceiverError{At: r.written, CursorHash: r.hash + r.errors, Kind: e.kind, Text: bounded(normal(e.text))})
	r.errors++
}

// dropped records that journald dropped entries of the unit.
func (r *entryReader) dropped(e *entry) {
	if len(e.object) > 0 && string(e.object) != r.unit {
		return
	}
	n, err := strconv.ParseInt(string(e.dropped), 10, 64)
	if err != nil {
		n = 0
	}
	from := r.last
	if from == 0 || from > e.at {
		from = e.at
	}
	r.gap(store.RateLimited(from, e.at, n))
}

// gap adds a gap to the batch. In the Result it extends the last gap if it continues
// that one.
func (r *entryReader) gap(g store.Gap) {
	r.batch.Gaps = append(r.batch.Gaps, g)
	if n := len(r.result.Gaps); n > 0 && r.result.Gaps[n-1].Join(g) {
		return
	}
	if len(r.result.Gaps) < maxGaps {
		r.result.Gaps = append(r.result.Gaps, g)
	}
}

// save stores the batch with the cursor after it. If ctx ends meanwhile, save still
// stores the batch, then returns the error of ctx.
func (r *entryReader) save(ctx context.Context, state string, recovered bool) error {
	r.batch.Clients = r.clients.list
	r.batch.Hosts, r.batch.State, r.batch.Recovered = r.hosts.list, state, recovered
	saved, err := r.s.Save(ctx, r.batch)
	if err != nil {
		return err
	}
	r.result.add(saved)
	r.reset()
	return ctx.Err()
}
