package ingest

import (
	"io"
	"time"
)

// NewWatchedReader gives external tests a reader with a timeout. It calls expire when
// a read takes longer.
func NewWatchedReader(r io.Reader, timeout time.Duration, expire func()) io.Reader {
	return &watchedReader{r: r, timeout: timeout, expire: expire}
}
