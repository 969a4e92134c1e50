package fleettest

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/rogpeppe/go-internal/testscript"
)

// Main runs the tests of a package. If the binary is called by the program's name, Main runs
// the program instead.
func Main(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cis490-fleet-health":          func() { os.Exit(cli.Main("")) },
		"cis490-fleet-health-by-clock": mainByClock,
		"cis490-fleet-health-measured": mainMeasured,
	})
}

// Env returns a cli.Env with a fixed clock.
func Env(now time.Time, stderr io.Writer) *cli.Env {
	return &cli.Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: stderr,
		Getenv: func(string) string { return "" }, Now: func() time.Time { return now }}
}

// ClockVariable sets the clock of a pass in another process, in microseconds.
const ClockVariable = "FLEET_HEALTH_CLOCK"

// mainByClock is main with the clock of ClockVariable.
func mainByClock() {
	now, err := strconv.ParseInt(os.Getenv(ClockVariable), 10, 64)
	if err != nil {
		panic(err)
	}
	os.Exit(cli.Run(context.Background(), os.Args[1:], Env(time.UnixMicro(now), os.Stderr)))
}

// PeakMark stands before the peak memory of a measured command, in KiB.
const PeakMark = "\npeak: "

// mainMeasured is main, and prints its peak memory. The kernel's figure for an ended process
// is no use, because it is never less than the peak of the parent.
func mainMeasured() {
	code := cli.Main("")
	fmt.Fprint(os.Stderr, PeakMark, HighWater("self"))
	os.Exit(code)
}
