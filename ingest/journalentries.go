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

// droppedID is the MESSAGE_ID of "Suppressed N messages from …",
// SD_MESSAGE_JOURNAL_DROPPED.
const droppedID = "a596d6fe7bfa4994828e72309e95d61e"

// maxGaps is how many gaps of a pass its caller is told of; all are stored.
const maxGaps = 100

// entryReader turns journal entries into batches.
type entryReader struct {
	s       *store.Store
	source  int64
	unit    string
	now     int64
	hosts   hostNames
	clients clientNames // the addresses of their PUTs
	result  *Result
	batch   *store.Batch
	last    int64 // time of the entry before
	seen    int   // entries since the last batch
	when    entryTime
	twins   map[uint64]uint64 // how many of the entries of that time are alike, by their hash
	hash    uint64            // of the entry at hand

	messageReader
	report   func(outcome) // take, made once
	written  int64         // time of the entry at hand
	outcomes uint64        // that it has given
}

// entryTime is when an entry was written; many may be at once.
type entryTime struct {
	at, monotonic int64
	boot          []byte
}

func (w *entryTime) is(e *entry) bool {
	return e.at == w.at && e.monotonic == w.monotonic && bytes.Equal(e.boot, w.boot)
}

// entryKey is the part of a cursor that an entry keeps when journald copies it
// from /run to /var, where it gets another number: from the boot on (systemd,
// journal_file_copy_entry). Those that have it in common are the same entry in
// two files; or in one file two that were written at once, with the same text.
func entryKey(cursor []byte) []byte { return cursor[max(0, bytes.Index(cursor, []byte(";b="))):] }

// sameEntry reports whether two cursors are of the same entry.
func sameEntry(a, b []byte) bool { return bytes.Equal(entryKey(a), entryKey(b)) }

// count takes notice of an entry, so that it is known among its twins. The
// reader has to begin with the first that has its time.
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
	r.report = r.take
	r.reset()
	return r
}

// fullUnitName adds .service to a name that ends in no unit type, as
// journalctl does: my.receiver is my.receiver.service.
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

// full tells whether the batch is to be saved. An entry of many lines may have
// hundreds of facts.
func (r *entryReader) full() bool {
	return max(r.seen, len(r.batch.Puts)+len(r.batch.Rejections)) >= chunkEntries
}

// add takes what an entry says into the batch.
func (r *entryReader) add(e *entry) {
	r.count(e)
	r.seen++
	defer func() { r.last = e.at }()
	if string(e.messageID) == droppedID {
		r.dropped(e)
		return
	}
	// What PID 1 says about the unit is no line of the receiver.
	if string(e.pid) == "1" || len(e.unit) > 0 && string(e.unit) != r.unit {
		return
	}
	r.written, r.outcomes = e.at, 0
	from := origin{pid: e.pid, stream: e.stream, cut: string(e.lineBreak) == "line-max"}
	r.messageReader.message(from, e.message, e.priority != 0 && e.priority <= '4', r.report)
	r.result.Heard.add(e, r.outcomes > 0)
}

// take puts what a line of the entry at hand says into the batch.
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

// dropped notes that journald threw entries of the unit away.
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

// gap takes a gap into the batch. For the caller, one that continues the last is
// joined with it.
func (r *entryReader) gap(g store.Gap) {
	r.batch.Gaps = append(r.batch.Gaps, g)
	if n := len(r.result.Gaps); n > 0 && r.result.Gaps[n-1].Join(g) {
		return
	}
	if len(r.result.Gaps) < maxGaps {
		r.result.Gaps = append(r.result.Gaps, g)
	}
}

// save stores the batch with the position behind it. It returns the error of a
// context that has ended meanwhile, after storing.
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
