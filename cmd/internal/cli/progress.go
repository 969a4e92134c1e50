package cli

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cis490/fleet-health/ingest"
)

// progress shows how much of a large backlog is read: a bar on a terminal, a line
// every few seconds elsewhere, nothing for a pass that ends at once.
func (p *pass) progress(ctx context.Context, source string) ingest.Progress {
	begun := p.e.Now()
	last := begun
	terminal := isTerminal(p.e.Stderr)
	return func(lines int, read, total int64) {
		now := p.e.Now()
		if now.Sub(last) < 3*time.Second && !(terminal && now.Sub(begun) > time.Second) {
			return
		}
		last = now
		text := fmt.Sprintf("%s: %d lines, %.0f a second", source, lines, float64(lines)/now.Sub(begun).Seconds())
		share := float64(read) / math.Max(float64(total), 1)
		if total > 0 {
			text = fmt.Sprintf("%s, %.0f%% of the file", text, 100*share)
		}
		if terminal {
			width, _ := terminalSize(p.e, p.e.Stderr)
			text = withBar(text, share, width)
		}
		p.e.log.Log(ctx, levelProgress, text)
	}
}

// Lengths of a progress bar, in columns. A shorter one shows nothing.
const minBar, maxBar = 5, 30

// withBar puts a bar before an ASCII text if the terminal is wide enough for both. It
// leaves the last column free: a terminal clears the character there with the rest of
// the line.
func withBar(text string, share float64, width int) string {
	length := min(maxBar, width-1-len("[] ")-len(text))
	if length < minBar {
		return text[:min(len(text), width-1)]
	}
	done := min(max(int(share*float64(length)), 0), length)
	return "[" + strings.Repeat("#", done) + strings.Repeat(" ", length-done) + "] " + text
}
