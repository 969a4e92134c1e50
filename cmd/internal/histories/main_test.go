// Package histories proves that the database and alerts.jsonl agree with a plain model of
// the receiver after random events on its files, its clock and the passes.
// FLEET_HEALTH_HISTORY is a seed, and selects a single history.
//
//	go test ./cmd/internal/histories
//	FLEET_HEALTH_HISTORY=117 go test ./cmd/internal/histories
package histories

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
