// Package longlife proves that after a year of passes, many of them disturbed, all facts are
// counted and each alert exists once. Neither the database nor the cost of a pass has
// grown. The ordinary run takes a few days of the fleet's time, FLEET_HEALTH_SWEEP=all a
// year.
//
//	go test ./cmd/internal/longlife -v
package longlife

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
