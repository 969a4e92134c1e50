package cli

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/spf13/cobra"
)

// demoNow is the time at which the demo's pass runs.
var demoNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func demoCommand(e *Env) *cobra.Command {
	var seed uint64
	cmd := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "make a small fleet with faults in DIR, run a pass on it, and show its findings",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDemo(cmd.Context(), args, seed, e)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the fleet: the same seed makes the same fleet")
	return cmd
}

func runDemo(ctx context.Context, args []string, seed uint64, e *Env) error {
	dir, err := demoDir(args)
	if err != nil {
		return err
	}
	if err := makeFleet(dir, rand.New(rand.NewPCG(seed, 0))); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "A fleet as of %s, in %s\n\n", demoNow.Format(time.RFC3339), dir)
	o := defaultPassOptions()
	o.db, o.index = filepath.Join(dir, "fleet.db"), filepath.Join(dir, "index.jsonl")
	o.alerts, o.export = filepath.Join(dir, "alerts.jsonl"), filepath.Join(dir, "journal.export")
	o.nowText, o.logLevel = demoNow.Format(time.RFC3339), "error"
	if err := o.check(e); err != nil {
		return err
	}
	if err := runPass(ctx, o, e); err != nil {
		return err
	}
	if err := showDemo(ctx, &o, e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, tryNext, shellword.Quote(dir), demoNow.Format(time.RFC3339))
	return err
}

// tryNext is a format: its values are the directory and the time of the demo.
const tryNext = `
Try next:
  cis490-fleet-health report --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health report lab-06 --since 3h --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health query last-good --since 3h --db %[1]s/fleet.db --now %[2]s
  cis490-fleet-health status --db %[1]s/fleet.db --index-path %[1]s/index.jsonl --now %[2]s
  cis490-fleet-health pass --db %[1]s/fleet.db --index-path %[1]s/index.jsonl --alerts-path %[1]s/alerts.jsonl --journal-export %[1]s/journal.export --now %[2]s
  sqlite3 -readonly %[1]s/fleet.db "SELECT hour, host, ships, puts_4xx, puts_5xx FROM host_hourly WHERE hour >= '2026-05-01T10'"
`

// demoDir returns the empty directory for the fleet: the one that was typed, or a new
// temporary one.
func demoDir(args []string) (string, error) {
	if len(args) == 0 {
		return os.MkdirTemp("", "fleet-demo-")
	}
	dir := args[0]
	if err := refuseRoot(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("%w: %w", errUsage, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return "", fmt.Errorf("%w: %s is not an empty directory", errUsage, dir)
	}
	return dir, nil
}

// showDemo shows what the pass found: the alerts of a day, and the fleet.
func showDemo(ctx context.Context, o *passOptions, e *Env) error {
	r := reading{db: o.db, format: report.FormatTable}
	style, err := r.style(e)
	if err != nil {
		return err
	}
	return r.view(ctx, func(tx *store.Tx) error {
		fmt.Fprintf(e.Stdout, "What to do about each alert stands in %s.\n", o.alerts)
		w := report.Window{Since: o.now - 24*store.Hour, Until: o.now}
		if err := report.Alerts(tx, e.Stdout, style, w, store.AlertFilter{}); err != nil {
			return err
		}
		fmt.Fprintln(e.Stdout)
		return report.Fleet(tx, e.Stdout, style, w, report.FleetOptions{Silences: detect.Silences(), Outages: detect.Outages()})
	})
}

// demoHost is a host of the demo. Its times are minutes from demoNow, so those before
// it are negative; 0 means never.
type demoHost struct {
	name               string
	silentFrom, backAt int   // it sends nothing between these times
	failFrom           int   // its PUTs get the codes from then on
	codes              []int // in turn
	unstamped          bool  // the codes are 400s for a missing header
	updateAt           int   // it ships from another code commit from then on
}

var demoFleet = []demoHost{
	{name: "lab-01"}, {name: "lab-02"}, {name: "lab-03"}, {name: "lab-04"},
	{name: "lab-05", silentFrom: -47, backAt: 1},
	{name: "lab-06", failFrom: -95, codes: []int{412, 412, 412, 500}, updateAt: -109},
	{name: "lab-07", failFrom: -40, codes: []int{400}, unstamped: true},
	{name: "lab-08", silentFrom: -300, backAt: -20},
}

// makeFleet writes index.jsonl and journal.export for a day of the demo's fleet.
func makeFleet(dir string, r *rand.Rand) error {
	index, err := os.Create(filepath.Join(dir, "index.jsonl"))
	if err != nil {
		return err
	}
	defer index.Close()
	journal, err := os.Create(filepath.Join(dir, "journal.export"))
	if err != nil {
		return err
	}
	defer journal.Close()
	ix, jr := bufio.NewWriter(index), bufio.NewWriter(journal)
	entry := 0
	log := func(at time.Time, message string) {
		entry++
		fmt.Fprintf(jr, "__CURSOR=s=%032x;i=%x\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n",
			1, entry, at.UnixMicro(), entry, 2)
		fmt.Fprintf(jr, "_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=6\nMESSAGE=%s\n\n", message)
	}
	for minute := -24 * 60; minute < 0; minute += 2 {
		for i, h := range demoFleet {
			if h.silentFrom != 0 && minute >= h.silentFrom && minute < h.backAt {
				continue
			}
			at := demoNow.Add(time.Duration(minute)*time.Minute + time.Duration(i*10)*time.Second + time.Duration(r.IntN(9_000_000))*time.Microsecond)
			status := 200
			if h.failFrom != 0 && minute >= h.failFrom {
				status = h.codes[(minute-h.failFrom)/2%len(h.codes)]
			}
			commit := "4f1c2a9"
			if h.updateAt != 0 && minute >= h.updateAt {
				commit = "8be20d1"
			}
			if status == 200 {
				fmt.Fprintf(ix, `{"host_id": %q, "received_at_wall": %q, "code_commit": %q, "episode": "ep-%06d", "bytes": %d}`+"\n",
					h.name, isotime.Format(at.UnixMicro()), commit, entry, 40_000+r.IntN(9_000_000))
			}
			if h.unstamped && status == 400 {
				log(at, fmt.Sprintf("WARNING rejected PUT host=%s, missing X-Cis490-Code-Commit", h.name))
			}
			log(at, fmt.Sprintf(`INFO:     10.0.0.%d:50000 - "PUT /v1/episodes/%s/ep-%06d.tar.zst HTTP/1.1" %d`, i+1, h.name, entry, status))
		}
	}
	if err := ix.Flush(); err != nil {
		return err
	}
	return jr.Flush()
}
