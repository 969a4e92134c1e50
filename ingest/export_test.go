package ingest

import (
	"io"
	"time"
)

// NewWatchedReader lets tests outside the package see when a reader expires.
func NewWatchedReader(r io.Reader, timeout time.Duration, expire func()) io.Reader {
	return &watchedReader{r: r, timeout: timeout, expire: expire}
}
