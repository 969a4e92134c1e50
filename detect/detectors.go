package detect

import (
	"embed"
	"fmt"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
)

//go:embed *.sql
var queries embed.FS

// Finding is a row of a detector's query: a host with a symptom, and its figures. Figures
// that the query does not return are zero.
type Finding struct {
	Host       string `db:"host"`         // its stored name
	LastShipAt int64  `db:"last_ship_at"` // microseconds
	Puts4xx    int    `db:"puts_4xx"`
	Puts5xx    int    `db:"puts_5xx"`
	Unstamped  int    `db:"unstamped"` // PUTs that were rejected because they had no code commit
}

// hostInText returns the host's raw name, made safe for a text with commands.
func (f Finding) hostInText() string { return shellword.InText(store.RawName(f.Host)) }

// detector finds the hosts that have one symptom.
type detector struct {
	symptom string
	query   string                 // the name of the .sql file
	source  func(Sources) Source   // the source that it needs
	reach   func(Thresholds) int64 // how far back it looks, in microseconds
	// silence means that its hosts have stopped shipping. They have shipped once, so
	// MaxMadeUp does not apply to them.
	silence bool
	// waits is a format for the number of hosts whose column waits is 1. It tells people
	// why they cannot be judged yet. It is "" for a query without that column.
	waits  string
	detail func(f Finding, asOf int64) string // the figures, in words
	fix    func(f Finding) string             // the operator's next commands, and the host to run them on
}

// detectors are all detectors, in the order in which they alert. To add one, add its value
// here, its .sql file, and a field of Finding for each new figure.
var detectors = []detector{
	{
		symptom: "silent",
		query:   "silent.sql",
		source:  func(read Sources) Source { return read.Index },
		reach:   func(t Thresholds) int64 { return t.Lookback },
		silence: true,
		waits:   "%d host(s) may have shipped in a gap of the index, and it has had no row since: does the receiver still write to it?",
		detail: func(f Finding, asOf int64) string {
			return fmt.Sprintf("nothing accepted for %.0f min, the last ship came at %s",
				float64(asOf-f.LastShipAt)/float64(store.Minute), isotime.Format(f.LastShipAt))
		},
		fix: func(f Finding) string {
			return fmt.Sprintf("on %s, look at `systemctl status cis490-shipper cis490-orchestrator`; start what is stopped "+
				"with `sudo systemctl start cis490-shipper cis490-orchestrator`; if one keeps failing, FIXYOURSELF.md has the steps", f.hostInText())
		},
	},
	{
		symptom: "fatal-only",
		query:   "fatal_only.sql",
		source:  Sources.puts,
		reach:   func(t Thresholds) int64 { return t.RecentWindow },
		detail: func(f Finding, _ int64) string {
			return fmt.Sprintf("%d PUT(s) and not one accepted: %d × 4xx, %d × 5xx, 0 × 2xx", f.Puts4xx+f.Puts5xx, f.Puts4xx, f.Puts5xx)
		},
		fix: func(f Finding) string {
			if f.Host == store.OverflowHost || f.Host == store.InvalidHost {
				return blockMakers
			}
			return fmt.Sprintf("on %s, read `journalctl -u cis490-shipper --since '5 minutes ago'`; a 412 is a refused code commit, "+
				"mostly a diverged HEAD: FIXYOURSELF.md §B", f.hostInText())
		},
	},
	{
		symptom: "unstamped",
		query:   "unstamped.sql",
		source:  Sources.rejections,
		reach:   func(t Thresholds) int64 { return t.RecentWindow },
		detail: func(f Finding, _ int64) string {
			return fmt.Sprintf("%d PUT(s) refused for want of X-Cis490-Code-Commit: its orchestrator predates stamping", f.Unstamped)
		},
		fix: func(f Finding) string {
			return fmt.Sprintf("on %s, run `sudo /opt/cis490/scripts/install-lab-host.sh`, which stamps VERSION and restarts the "+
				"orchestrator; where cis490-autoupdate.timer is on, wait half an hour first", f.hostInText())
		},
	},
}

// Symptoms returns the symptoms that detectors look for.
func Symptoms() []string { return symptomsOf(func(detector) bool { return true }) }

// Silences returns the symptoms of hosts that have stopped shipping.
func Silences() []string { return symptomsOf(func(d detector) bool { return d.silence }) }

// HeldBack returns the symptoms whose detectors are held back because of their sources.
func HeldBack(read Sources) []string {
	return symptomsOf(func(d detector) bool { return d.source(read).Held != "" })
}

func symptomsOf(which func(detector) bool) (symptoms []string) {
	for _, d := range detectors {
		if which(d) {
			symptoms = append(symptoms, d.symptom)
		}
	}
	return symptoms
}
