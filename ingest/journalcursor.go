package ingest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// journalCursor is how far the journal was read, as it is stored. Order is certain
// only within a boot, where entries follow the sequence numbers or the monotonic
// clock. If the clock was behind at a later boot, journalctl may print that boot's
// entries before those of an earlier one. So the cursor has a place for each boot.
type journalCursor struct {
	Version int              `json:"v"`
	Cursor  string           `json:"cursor"`          // __CURSOR of the last entry, or of the first with the same time; "" before any was read
	Same    int              `json:"same"`            // how many entries with that time were read; 0 means 1
	At      int64            `json:"at"`              // time of the last entry, in microseconds
	Boot    string           `json:"boot"`            // its boot
	Boots   map[string]int64 `json:"boots"`           // the boots that were read, each with the monotonic time of its last entry
	Fresh   []string         `json:"fresh"`           // boots that were met while following; their beginning is unread
	First   bool             `json:"first,omitempty"` // the first reading is not finished: Again and unknown boots are left of it
	Clock   int64            `json:"clock"`           // clock of the pass if the entry was ahead of it by more than FutureTolerance, or 0; later entries may stand before the cursor
	Again   []stretch        `json:"again,omitempty"` // to read besides what comes after the cursor
	Missed  *missed          `json:"missed,omitempty"`
}

// A stretch is a part of the journal that is read although the position may be
// past it: one boot or all boots, from a time on.
type stretch struct {
	Boot      string `json:"boot,omitempty"`      // "" means all boots
	Since     int64  `json:"since,omitempty"`     // microseconds; 0 means from the beginning
	Cursor    string `json:"cursor,omitempty"`    // __CURSOR of the first entry with the time of the last one read; "" if none was read
	At        int64  `json:"at,omitempty"`        // that time, in microseconds
	Monotonic int64  `json:"monotonic,omitempty"` // that time by the boot's clock
}

// parseJournalCursor reads a stored cursor. ok is false if there is none, or if it
// cannot be read.
func parseJournalCursor(state string) (c journalCursor, ok bool) {
	if err := json.Unmarshal([]byte(state), &c); err != nil || c.Version != cursorVersion {
		return journalCursor{Version: cursorVersion}, false
	}
	return c, true
}

func (c journalCursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return string(b)
}

// clone returns a copy that shares nothing with c.
func (c journalCursor) clone() journalCursor {
	c.Boots, c.Fresh, c.Again, c.Missed = maps.Clone(c.Boots), slices.Clone(c.Fresh), slices.Clone(c.Again), c.Missed.clone()
	return c
}

// readTo returns the time up to which all entries were read, in microseconds.
func (c journalCursor) readTo(now int64) int64 {
	to := min(c.At, now)
	for _, s := range c.Again {
		to = min(to, max(s.Since, s.At))
	}
	return max(to, 1)
}

// seek returns the arguments with which journalctl prints what is unread of a stretch.
func (s stretch) seek() (args []string) {
	if s.Boot != "" {
		args = append(args, "_BOOT_ID="+s.Boot)
	}
	switch {
	case s.Cursor != "":
		args = append(args, "--cursor="+s.Cursor)
	case s.Since != 0:
		args = append(args, since(s.Since))
	}
	return args
}

func since(at int64) string {
	at = max(at, 0)
	return fmt.Sprintf("--since=@%d.%06d", at/store.Second, at%store.Second)
}
