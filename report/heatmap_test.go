package report_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// heatFleet makes a fleet of which eight hours are known in all ways: pruned, blind, and so on.
// It returns its page, as of half past the ninth hour.
func heatFleet(t *testing.T) *html.Node {
	t.Helper()
	const start, until = now - 8*store.Hour, now + 30*store.Minute
	path := filepath.Join(t.TempDir(), "fleet.db")
	s, err := store.Open(t.Context(), path, store.Options{Now: until})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	source, err := s.Source(t.Context(), store.StreamIndex)
	if err != nil {
		t.Fatal(err)
	}
	b := &store.Batch{Source: source, Now: until, Series: []store.Series{{Host: "learnt"}, {Host: "new"}}, Hosts: []string{"learnt", "new"},
		Gaps: []store.Gap{{Reason: store.GapRotated, From: start + 5*store.Hour, To: start + 6*store.Hour - 1}}}
	ship := func(series int32, hour int64, n int) {
		for i := range n {
			at := start + hour*store.Hour + int64(i)*store.Minute
			b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(len(b.Ships)), Series: series})
		}
	}
	for hour, n := range []int{10, 4, 7, 20, 0, 0, 10, 0, 5} {
		ship(0, int64(hour), n)
	}
	ship(1, 7, 2)
	for i := range 3 {
		b.Puts = append(b.Puts, store.Put{At: start + 6*store.Hour + int64(i), CursorHash: uint64(i), Host: 0, Status: 412},
			store.Put{At: until - int64(i), CursorHash: uint64(10 + i), Host: 1, Status: 500}, store.Put{At: until - int64(i), CursorHash: uint64(20 + i), Host: 1, Status: 200})
	}
	if _, err := s.Save(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(t.Context(), store.PruneOptions{Before: start + 2*store.Hour}); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		rhythm := store.Rhythm{LearntAt: until, Days: 28, Limit: 100}
		rhythm.HostID, _ = tx.HostID("learnt")
		for slot := range rhythm.Rates {
			rhythm.Rates[slot] = 10_000
		}
		rhythm.Rates[store.SlotOf(start/store.Hour+4)] = 0 // it rests in that hour
		return tx.SaveRhythms([]store.Rhythm{rhythm})
	})
	if err != nil {
		t.Fatal(err)
	}
	row := store.Pass{StartedAt: until, AsOf: until}
	if err := s.BeginPass(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	row.Outcome.String, row.Outcome.Valid = store.OutcomeOK, true
	if err := s.FinishPass(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	err = s.View(t.Context(), func(tx *store.Tx) error {
		pages, err := report.NewPages(tx, report.Style{}, report.Window{Since: start - 1, Until: until}, report.FleetOptions{}, false)
		if err != nil {
			return err
		}
		return pages.Index(&page)
	})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// textOf returns the text of an element.
func textOf(n *html.Node) (text string) {
	if n.Type == html.TextNode {
		return n.Data
	}
	for c := range n.ChildNodes() {
		text += textOf(c)
	}
	return text
}

// classOf returns the class of an element.
func classOf(n *html.Node) string {
	for _, a := range n.Attr {
		if a.Key == "class" {
			return a.Val
		}
	}
	return ""
}

// TestTheHeatmapTellsWhatIsUsual reads the rows of the heatmap, and its head. A cell is its text
// and its class: c1 to c4 for few to many ships, m for missing ones, f for failures, u for an
// unknown number, p for pruned hours.
func TestTheHeatmapTellsWhatIsUsual(t *testing.T) {
	t.Parallel()
	var got []string
	for n := range heatFleet(t).Descendants() {
		if n.Data != "table" || classOf(n) != "heat" {
			continue
		}
		for row := range n.Descendants() {
			if row.Data != "tr" {
				continue
			}
			var cells []string
			for cell := range row.ChildNodes() {
				cells = append(cells, strings.TrimSuffix(textOf(cell)+"="+classOf(cell), "="))
			}
			got = append(got, strings.Join(cells, " | "))
		}
	}
	want := []string{
		" | Fri 1 May 04 pruned=p | 05 pruned=p | 06 | 07 | 08 | 09 blind=u | 10 | 11 | 12",
		"learnt | 10=c3 p | 4=c1 p | 7=c2 | 20=c4 | 0=c0 | ?=u | ✕3, 10=c3 f | 0=m | 5=c3",
		"new | 0=c0 p | 0=c0 p | 0=c0 | 0=c0 | 0=c0 | ?=u | 0=c0 | 2=c4 | ✕3, 0=c0 f",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("heatmap (-want +got):\n%s", diff)
	}
}

// TestPagesOfDifferentHostsHaveDifferentNames: none leads out of the directory, or is too long
// for a file system.
func TestPagesOfDifferentHostsHaveDifferentNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("w", 255)
	hashed := strings.TrimSuffix(strings.TrimPrefix(report.PageName(long), "host-"), ".html")
	names := map[string]string{}
	for _, host := range []string{"lab-05", "LAB-05", "..", "a/b", `"a\nb"`, "a b", "a%20b", "index", long, long + "w", hashed, "(invalid)", "é", "javascript:alert(1)"} {
		name := report.PageName(host)
		if other, taken := names[name]; taken {
			t.Errorf("%q and %q are both %s", host, other, name)
		}
		names[name] = host
		if len(name) > 120 || filepath.Base(name) != name || !strings.HasPrefix(name, "host-") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			t.Errorf("%q is in the file %q", host, name)
		}
	}
	if got := report.PageName("lab-05"); got != "host-lab-05.html" {
		t.Error(got)
	}
}
