package ingest

import (
	"bytes"
	"strconv"
)

// Heard describes the lines that the receiver itself logged in the entries of a pass.
type Heard struct {
	Entries        int
	Oldest, Newest int64 // times of entries, in microseconds; 0 if there are none
	sample         []byte
	likely         bool // the sample names episodes
}

// maxSample bounds the sample, in bytes.
const maxSample = 200

// add counts an entry. understood reports whether a line of it was a host's PUT or
// rejection.
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

// Sample returns the newest line that was not understood, quoted. It prefers lines
// that name episodes. It returns "" if there is none.
func (h *Heard) Sample() string {
	if h.sample == nil {
		return ""
	}
	return strconv.QuoteToASCII(string(h.sample))
}
