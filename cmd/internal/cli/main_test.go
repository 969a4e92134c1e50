package cli_test

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
