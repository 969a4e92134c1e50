package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cis490-fleet-health":          func() { os.Exit(Main("")) },
		"cis490-fleet-health-by-clock": mainByClock,
		"cis490-fleet-health-measured": mainMeasured,
	})
}
