package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// errNotRead means that the reader of the output did not read in time.
var errNotRead = errors.New("what was written is not read")

// until writes until a context ends. An open pager, or a FIFO that nobody reads, can
// block a write for ever. A deadline would need a non-blocking file, and would make it
// so for all processes that share it. So a late write is abandoned, and ends with the
// process.
type until struct {
	ctx context.Context
	w   io.Writer
}

// Write returns errNotRead, with the context's error, once the context has ended.
func (u until) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	own := bytes.Clone(p) // the caller may change p while the write goes on
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
	case <-ended: // it has ended after all
		return 0, u.ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return 0, fmt.Errorf("%w: %w", errNotRead, u.ctx.Err())
	}
}
