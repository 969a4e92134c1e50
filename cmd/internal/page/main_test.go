// Package page proves that the pages of the fleet show well in a browser, and that no foreign
// name or message does anything in them.
//
//	go test ./cmd/internal/page
//	SCREENSHOTS=DIR go test ./cmd/internal/page -run Browser
package page

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
