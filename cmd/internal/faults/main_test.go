// Package faults proves that nothing is lost or doubled if a pass or a rebuild fails at any
// point: it is killed, its writes fail, the power is cut, or the database is damaged.
// FLEET_HEALTH_SWEEP=all tries every point, which takes hours.
//
//	go test ./cmd/internal/faults
//	go test ./cmd/internal/faults -run KilledAnywhere -v
package faults

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
