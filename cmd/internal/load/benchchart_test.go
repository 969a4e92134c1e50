package load

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chartPath names the file for the chart of BenchmarkHistory. If it is not set, there is no
// chart. The README shows the file from .ci.
const chartPath = "FLEET_HEALTH_CHART"

// sample has the cost of a steady pass over a history of a number of rows.
type sample struct{ rows, ms, kib float64 }

// BenchmarkHistory makes one fleet's history grow to 10,000,000 rows. At each size it runs
// passes with 1,000 new rows and 1,000 new journal entries. It reports the shortest time
// and the most bytes.
func BenchmarkHistory(b *testing.B) {
	t := newBed(b)
	const each = 777 * time.Millisecond // 10,000,000 rows in 90 days
	db := filepath.Join(t.dir, "fleet.db")
	for b.Loop() {
		var points []sample
		t.now = t.now.AddDate(0, 0, -90)
		have := 0
		grow := func(rows int) {
			t.now = t.now.Add(time.Duration(rows) * each)
			t.appendIndex(t.index, rows, 50, t.now, time.Duration(rows)*each)
			have += rows
		}
		for _, size := range []int{10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000} {
			grow(size - have)
			t.appendJournal(1000, 50, t.now, time.Duration(1000)*each)
			t.pass(db, t.index, true)
			p := sample{rows: float64(size), ms: math.Inf(1)}
			for range rounds {
				grow(1000)
				t.appendJournal(1000, 50, t.now, time.Duration(1000)*each)
				u := t.pass(db, t.index, true)
				p.ms, p.kib = min(p.ms, u.wall.Seconds()*1000), max(p.kib, float64(u.written)/1024)
			}
			b.Logf("%10.0f rows: %5.0f ms, %5.0f KiB", p.rows, p.ms, p.kib)
			points = append(points, p)
		}
		last := points[len(points)-1]
		b.ReportMetric(last.ms/points[0].ms, "x-time-of-10000-rows")
		b.ReportMetric(last.kib/points[0].kib, "x-bytes-of-10000-rows")
		b.ReportMetric(t.peak(db, t.index, true), "peak-MiB")
		if path := os.Getenv(chartPath); path != "" {
			t.check(os.WriteFile(path, []byte(chart(points)), 0o644))
		}
		remove(db)
		t.check(os.Remove(t.index))
	}
}

// chart draws the time and the bytes of a pass over the rows of its history. The SVG is
// legible on a light and on a dark page.
func chart(points []sample) string {
	const left, right, top, bottom = 50.0, 590.0, 40.0, 250.0
	maxMS, maxKiB := 0.0, 0.0
	for _, p := range points {
		maxMS, maxKiB = max(maxMS, p.ms), max(maxKiB, p.kib)
	}
	maxMS, maxKiB = 20*math.Ceil(maxMS*1.1/20), 200*math.Ceil(maxKiB*1.1/200)
	first, last := math.Log10(points[0].rows), math.Log10(points[len(points)-1].rows)
	x := func(rows float64) float64 { return left + (math.Log10(rows)-first)/(last-first)*(right-left) }
	y := func(part float64) float64 { return bottom - part*(bottom-top) }
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 300" font-family="sans-serif" font-size="12">
<style>text{fill:#666}.grid{stroke:#8884}.ms{stroke:#0a7bbb}.kib{stroke:#c2571a;stroke-dasharray:6 3}polyline{fill:none;stroke-width:2}</style>
<title>A pass with 1,000 new rows and 1,000 new journal entries, over the history behind it</title>
`)
	text := func(x, y float64, anchor, format string, args ...any) {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, fmt.Sprintf(format, args...))
	}
	for i := range 5 {
		part := float64(i) / 4
		fmt.Fprintf(&b, `<line class="grid" x1="%.0f" x2="%.0f" y1="%.0f" y2="%.0f"/>`+"\n", left, right, y(part), y(part))
		text(left-6, y(part)+4, "end", "%.0f", part*maxMS)
		text(right+6, y(part)+4, "start", "%.0f", part*maxKiB)
	}
	for rows := points[0].rows; rows <= points[len(points)-1].rows; rows *= 10 {
		text(x(rows), bottom+18, "middle", "%s", thousands(int(rows)))
	}
	text((left+right)/2, bottom+38, "middle", "rows of the history")
	text(left-6, top-16, "start", "ms, quickest of %d (solid)", rounds)
	text(right+6, top-16, "end", "KiB written, most of %d (dashed)", rounds)
	var ms, kib strings.Builder
	for _, p := range points {
		fmt.Fprintf(&ms, "%.1f,%.1f ", x(p.rows), y(p.ms/maxMS))
		fmt.Fprintf(&kib, "%.1f,%.1f ", x(p.rows), y(p.kib/maxKiB))
	}
	fmt.Fprintf(&b, `<polyline class="ms" points="%s"/>`+"\n"+`<polyline class="kib" points="%s"/>`+"\n</svg>\n",
		strings.TrimSpace(ms.String()), strings.TrimSpace(kib.String()))
	return b.String()
}

// thousands formats a number with commas between thousands.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
