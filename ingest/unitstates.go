package ingest

import "github.com/cis490/fleet-health/store"

// unitState returns the state that an entry of PID 1 reports, by its MESSAGE_ID, or "" for
// another entry. The ids are those of systemd's catalog and of sd-messages.h. The text of
// the entries differs between versions of systemd; their ids do not.
func unitState(messageID []byte) string {
	switch string(messageID) {
	case "7d4958e842da4a758f6c1cdc7b36dcc5": // SD_MESSAGE_UNIT_STARTING
		return store.UnitStarting
	case "39f53479d3a045ac8e11786248231fbf": // SD_MESSAGE_UNIT_STARTED
		return store.UnitStarted
	case "de5b426a63be47a7b6ac3eaac82e2f6f": // SD_MESSAGE_UNIT_STOPPING
		return store.UnitStopping
	case "9d1aaa27d60140bd96365438aad20286", // SD_MESSAGE_UNIT_STOPPED
		"7ad2d189f7e94e70a38c781354912448": // SD_MESSAGE_UNIT_SUCCESS: it ended, with or without a stop
		return store.UnitStopped
	case "d9b373ed55a64feb8242e02dbe79a49c": // SD_MESSAGE_UNIT_FAILURE_RESULT
		return store.UnitFailed
	case "be02cf6855d2428ba40df7e9d022f03d", // SD_MESSAGE_UNIT_FAILED
		"0e4284a0caca4bfc81c0bb6786972673": // SD_MESSAGE_UNIT_SKIPPED
		return store.UnitNotStarted
	case "5eb03494b6584870a536b337290809b3": // SD_MESSAGE_UNIT_RESTART_SCHEDULED
		return store.UnitRestarting
	case "98e322203f7a4ed290d09fe03c09fe15": // SD_MESSAGE_UNIT_PROCESS_EXIT
		return store.UnitExited
	case "fe6faa94e7774663a0da52717891d8ef", // SD_MESSAGE_UNIT_OUT_OF_MEMORY
		"d989611b15e44c9dbf31e3c81256e4ed": // SD_MESSAGE_UNIT_OOMD_KILL
		return store.UnitKilled
	}
	return ""
}

// unitChange adds an entry of PID 1 to the batch if it reports a state of the unit.
func (r *entryReader) unitChange(e *entry) {
	if state := unitState(e.messageID); state != "" && string(e.about) == r.unit {
		r.batch.UnitChanges = append(r.batch.UnitChanges,
			store.UnitChange{At: e.at, CursorHash: r.hash, State: state, Detail: bounded(e.message)})
	}
}
