package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

type watchOptions struct {
	reportOptions
	bell bool
}

func watchCommand(e *Env) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "show the fleet, and draw it again after each pass",
		Long: `Show the report of the fleet on a terminal, and draw it again after each pass, until you
press Ctrl-C. What does not fit on the terminal is left out at the end: hosts in
trouble come first.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWatch(cmd.Context(), &o, e)
		},
	}
	o.until, o.format = "now", report.FormatTable
	o.dbFlag(cmd)
	o.sinceFlag(cmd, "24h", "24h ago")
	o.zoneFlags(cmd)
	o.allFlag(cmd)
	cmd.Flags().BoolVar(&o.bell, "bell", false, "ring the terminal's bell when a trouble begins that is said")
	return cmd
}

// Control sequences of ECMA-48, and of xterm (ctlseqs) after a question mark.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // another screen, no cursor, no wrapped lines
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	clearScreen = "\x1b[H\x1b[J"
)

// runWatch draws the report of the fleet after each pass, until a signal ends ctx.
func runWatch(ctx context.Context, o *watchOptions, e *Env) (err error) {
	if !isTerminal(e.Stdout) || e.Getenv("TERM") == "dumb" {
		return fmt.Errorf("%w: watch draws on a terminal, which standard output is not; `cis490-fleet-health incidents --follow` writes a line for each event", errUsage)
	}
	if _, _, err := o.asked(e); err != nil {
		return err
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	defer signal.Stop(resized)
	s := screen{out: e.Stdout}
	defer func() {
		if closed := s.close(); err == nil {
			err = closed
		}
	}()
	event := int64(-1)
	return o.followWrites(ctx, resized, func(tx *store.Tx, _ bool) (time.Duration, error) {
		text, again, err := o.draw(ctx, tx, e)
		if err != nil {
			return 0, err
		}
		ring := false
		if event, ring, err = o.toRing(tx, event); err != nil {
			return 0, err
		}
		_, height := terminalSize(e, e.Stdout)
		return again, s.show(text, height, ring)
	})
}

// draw returns the report, below its warnings. After the time again it is drawn although nothing
// was written: when the last pass is too old, and each minute from then on.
func (o *watchOptions) draw(ctx context.Context, tx *store.Tx, e *Env) (text []byte, again time.Duration, err error) {
	style, w, err := o.asked(e)
	if err != nil {
		return nil, 0, err
	}
	var drawn bytes.Buffer
	inside := *e
	inside.Stderr = &drawn
	inside.startLog()
	if err := o.sayHowOld(ctx, tx, inside.log, w.Until); err != nil {
		return nil, 0, err
	}
	if err := report.Fleet(tx, &drawn, style, w, o.fleet()); err != nil {
		return nil, 0, err
	}
	last, _, err := tx.LastPass()
	stale := time.Duration(last.AsOf+report.Stale-w.Until)*time.Microsecond + time.Second
	return drawn.Bytes(), max(stale, time.Minute), err
}

// toRing returns the ID of the newest event, and reports whether the bell rings for one that
// came after another ID, unless that is negative.
func (o *watchOptions) toRing(tx *store.Tx, after int64) (last int64, ring bool, err error) {
	if last, err = tx.LastEvent(); err != nil || after < 0 || !o.bell {
		return last, false, err
	}
	events, err := tx.EventsAfter(after)
	for _, e := range events {
		ring = ring || e.Said && e.Event == store.EventOpened
	}
	return last, ring, err
}

// screen is a terminal that one text fills.
type screen struct {
	out  io.Writer
	open bool
}

// show draws the first lines of a text, height of them.
func (s *screen) show(text []byte, height int, ring bool) error {
	var b strings.Builder
	if !s.open {
		b.WriteString(enterScreen)
		s.open = true
	}
	if ring {
		b.WriteByte('\a')
	}
	b.WriteString(clearScreen)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if left := len(lines) - height; left > 0 {
		lines = append(lines[:height-1], fmt.Sprintf("… and %d more line(s)", left+1))
	}
	b.WriteString(strings.Join(lines, "\n"))
	_, err := io.WriteString(s.out, b.String())
	return err
}

// close gives the terminal back as it was.
func (s *screen) close() error {
	if !s.open {
		return nil
	}
	_, err := io.WriteString(s.out, leaveScreen)
	return err
}
