// Command cis490-fleet-health is the memory of an episode receiver: it reads the
// receiver's index and journal as they grow, finds hosts in trouble, and writes
// alerts.
package main

import (
	"os"

	"github.com/cis490/fleet-health/cmd/internal/cli"
)

// version is set when a release is built, with -ldflags -X main.version=….
var version = ""

func main() { os.Exit(cli.Main(version)) }
