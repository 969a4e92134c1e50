// Package hostile proves that no foreign name or message does harm: in any format of any
// command, on a terminal, in the log or in alerts.jsonl.
//
//	go test ./cmd/internal/hostile
package hostile

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
