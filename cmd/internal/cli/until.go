package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// errNotRead: whoever reads what is written has not read in time.
var errNotRead = errors.New("what was written is not read")

// until writes until a context ends. A pager that is left open, or a FIFO that
// nobody reads, blocks a write for as long as it likes, and a deadline would need
// the file not to block, which it would be for all who share it. So a write that
// does not end in time is left to itself, and ends with the process.
type until struct {
	ctx context.Context
	w   io.Writer
}

// Write returns errNotRead, with the context's error, once the context has ended.
func (u until) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	own := bytes.Clone(p) // the caller's may change while the write goes on
	ended := make(chan error, 1)
	go func() {
		_, err := u.w.Write(own)
		ended <- err
	}()
	select {
	case err := <-ended:
		return len(p), err
	case <-u.ctx.Done():
	}
	select {
	case <-ended: // it was only under way
		return 0, u.ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return 0, fmt.Errorf("%w: %w", errNotRead, u.ctx.Err())
	}
}
