// Package faults proves that a pass or a rebuild can fail at any point and nothing
// is lost, doubled or said twice: it is killed, its writes fail, the power is cut,
// the database is damaged. FLEET_HEALTH_SWEEP=all tries every point, which takes hours.
//
//	go test ./cmd/internal/faults
//	go test ./cmd/internal/faults -run KilledAnywhere -v
package faults

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
