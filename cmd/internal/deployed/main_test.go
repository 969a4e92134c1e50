// Package deployed proves that what deploy installs works: the units, the shell
// scripts, the staged files, and what setup does with files that are there.
//
//	go test ./cmd/internal/deployed
package deployed

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
