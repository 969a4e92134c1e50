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

// Main runs the tests of a package, and is the program when it is called by its name.
func Main(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cis490-fleet-health":          func() { os.Exit(cli.Main("")) },
		"cis490-fleet-health-by-clock": mainByClock,
		"cis490-fleet-health-measured": mainMeasured,
	})
}

// Env is an env with a clock that stands still.
func Env(now time.Time, stderr io.Writer) *cli.Env {
	return &cli.Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: stderr,
		Getenv: func(string) string { return "" }, Now: func() time.Time { return now }}
}

// ClockVariable tells a pass of another process what its clock says, in
// microseconds.
const ClockVariable = "FLEET_HEALTH_CLOCK"

// mainByClock is main with that clock.
func mainByClock() {
	now, err := strconv.ParseInt(os.Getenv(ClockVariable), 10, 64)
	if err != nil {
		panic(err)
	}
	os.Exit(cli.Run(context.Background(), os.Args[1:], Env(time.UnixMicro(now), os.Stderr)))
}

// PeakMark stands before how much memory a measured command had at most, in KiB.
const PeakMark = "\npeak: "

// mainMeasured is main, and says that. What the kernel says to the parent of a
// process that has ended is not less than what the parent itself had.
func mainMeasured() {
	code := cli.Main("")
	fmt.Fprint(os.Stderr, PeakMark, HighWater("self"))
	os.Exit(code)
}
