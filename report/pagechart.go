package report

import "fmt"

// Sizes of a chart, in its own units. A bucket is chartStep wide. Ships stand above the base
// line, failed PUTs below it.
const (
	chartStep = 10
	chartBase = 80
	chartLow  = 30 // the height of the failures
)

// pageChart is the picture of a host's history.
type pageChart struct {
	Title      string // the picture in words
	Width      int
	Blind      []chartBar
	Pruned     []chartBar
	Ships      []chartBar
	Failures   []chartBar
	Commits    []int // x
	Troubles   []chartBar
	From, To   string
	MostShips  int64
	MostFailed int64
}

// chartBar is a rectangle.
type chartBar struct{ X, Y, W, H int }

// newChart draws the buckets of a history. The horizon is in microseconds.
func newChart(rows []hostRow, b Buckets, horizon int64, s Style) pageChart {
	c := pageChart{Width: len(rows) * chartStep, From: s.stamp(b.Bounds[0]), To: s.stamp(b.Bounds[len(rows)])}
	failed := make([]int64, len(rows))
	ships, failures := int64(0), int64(0)
	for n, r := range rows {
		failed[n] = r.statuses.class(4) + r.statuses.class(5)
		c.MostShips, c.MostFailed = max(c.MostShips, r.ships), max(c.MostFailed, failed[n])
		ships, failures = ships+r.ships, failures+failed[n]
	}
	for n, r := range rows {
		x := n * chartStep
		if r.blinded {
			c.Blind = append(c.Blind, chartBar{x, 0, chartStep, chartBase + chartLow})
		}
		if b.Bounds[n] < horizon {
			c.Pruned = append(c.Pruned, chartBar{x, 0, chartStep, chartBase + chartLow})
		}
		if r.ships > 0 {
			h := barHeight(r.ships, c.MostShips, chartBase-4)
			c.Ships = append(c.Ships, chartBar{x + 1, chartBase - h, chartStep - 2, h})
		}
		if failed[n] > 0 {
			c.Failures = append(c.Failures, chartBar{x + 1, chartBase, chartStep - 2, barHeight(failed[n], c.MostFailed, chartLow)})
		}
	}
	c.Title = fmt.Sprintf("%d ships, at most %d in %s; %d failed PUTs, at most %d in %[3]s. The table below has the numbers.", ships, c.MostShips, b.Name,
		failures, c.MostFailed)
	return c
}

// barHeight returns the height of a bar, at least 2 so that it can be seen.
func barHeight(n, most int64, height int) int {
	return max(2, int(float64(n)/float64(most)*float64(height)))
}

// commit marks a bucket in which the code commit changed.
func (c *pageChart) commit(bucket int) { c.Commits = append(c.Commits, bucket*chartStep+chartStep/2) }

// trouble marks the buckets of an incident.
func (c *pageChart) trouble(from, to int) {
	c.Troubles = append(c.Troubles, chartBar{from * chartStep, chartBase + chartLow + 4, (to - from + 1) * chartStep, 5})
}
