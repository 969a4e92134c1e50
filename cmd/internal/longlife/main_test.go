// Package longlife proves that after a year of passes, many of them disturbed, all
// facts are counted, each alert exists once, and neither the database nor the cost
// of a pass has grown. The ordinary run is of a few days, FLEET_HEALTH_SWEEP=all of a year.
//
//	go test ./cmd/internal/longlife -v
package longlife

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
