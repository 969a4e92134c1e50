// Package deployed proves that the files of deploy work: the units, the shell scripts, the
// staged files, and setup on a machine with existing files.
//
//	go test ./cmd/internal/deployed
package deployed

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
