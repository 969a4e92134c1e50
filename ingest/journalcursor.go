package ingest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// journalCursor is the stored cursor of the journal. Only within a boot is the order of
// entries certain: by sequence numbers or the monotonic clock. If the clock of a later
// boot was behind, journalctl may print its entries before those of an earlier boot. So
// the cursor records the progress of each boot.
type journalCursor struct {
	Version int              `json:"v"`
	Cursor  string           `json:"cursor"`          // __CURSOR of the last entry, or of the first with the same time; "" if none was read
	Same    int              `json:"same"`            // number of entries read with that time; 0 means 1
	At      int64            `json:"at"`              // time of the last entry, in microseconds
	Boot    string           `json:"boot"`            // boot of the last entry
	Boots   map[string]int64 `json:"boots"`           // monotonic time of the last entry read of each boot, in microseconds
	Fresh   []string         `json:"fresh"`           // boots first met while following, whose starts are unread
	First   bool             `json:"first,omitempty"` // the first reading is unfinished: Again and unknown boots remain
	Clock   int64            `json:"clock"`           // clock of the pass if the entry was over FutureTolerance ahead of it, otherwise 0; later entries may then precede the cursor
	Again   []stretch        `json:"again,omitempty"` // stretches to read in addition to the entries after the cursor
	Missed  *missed          `json:"missed,omitempty"`
}

// stretch is a part of the journal to read although the position may be past it: one
// boot or all boots, from a time on.
type stretch struct {
	Boot      string `json:"boot,omitempty"`      // "" means all boots
	Since     int64  `json:"since,omitempty"`     // microseconds; 0 means from the start
	Cursor    string `json:"cursor,omitempty"`    // __CURSOR of the first entry with the time of the last one read; "" if none was read
	At        int64  `json:"at,omitempty"`        // time of that entry, in microseconds
	Monotonic int64  `json:"monotonic,omitempty"` // monotonic time of that entry, in microseconds
}

// parseJournalCursor parses a stored cursor. ok is false if it is empty, damaged or of
// another version.
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

// clone returns a deep copy of c.
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

// seek returns the arguments with which journalctl prints the unread part of a stretch.
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
