package ingest

import (
	"bytes"
	"strconv"
)

// Heard tells what the receiver itself has logged in the entries of a pass.
type Heard struct {
	Entries        int
	Oldest, Newest int64 // times of entries, in microseconds; 0 without one
	sample         []byte
	likely         bool // sample names an episode
}

// maxSample bounds the sample of a line, in bytes.
const maxSample = 200

// add takes an entry into account. understood says that it told of a host's PUT.
func (h *Heard) add(e *entry, understood bool) {
	if h.Entries++; h.Entries == 1 || e.at < h.Oldest {
		h.Oldest = e.at
	}
	h.Newest = max(h.Newest, e.at)
	if understood {
		return
	}
	if likely := bytes.Contains(e.message, []byte("episodes")); likely || !h.likely {
		h.sample = append(h.sample[:0], e.message[:min(len(e.message), maxSample)]...)
		h.likely = likely
	}
}

// Sample is the newest line that told of no host's PUT, quoted; one that names
// episodes comes before others. It is "" if there was none.
func (h *Heard) Sample() string {
	if h.sample == nil {
		return ""
	}
	return strconv.QuoteToASCII(string(h.sample))
}
