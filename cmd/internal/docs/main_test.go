// Package docs proves that the papers are true: their sessions, the queries of the
// cookbook, the saved queries and the columns of the schema.
//
//	go test ./cmd/internal/docs
package docs

import (
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

func TestMain(m *testing.M) { fleettest.Main(m) }
