package report

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestACountThatIsNoInteger failed with a panic: `report` took the columns of a rollup for
// integers, and in a database with damaged pages some are not.
func TestACountThatIsNoInteger(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for value, want := range map[string]string{"NULL": "<nil>", "x'00'": "[]uint8", "'7'": "string", "1.0": "float64"} {
		for _, row := range []string{value + ", 1, 1", "1, " + value + ", 1", "1, 1, " + value} {
			err := s.View(t.Context(), func(tx *store.Tx) error {
				return eachCount(tx, "SELECT 1, 2, 3 UNION ALL SELECT "+row, nil, func(c factCount) {
					if c != (factCount{1, 2, 3}) {
						t.Errorf("%s: counted %v", row, c)
					}
				})
			})
			if err == nil || !strings.Contains(err.Error(), "has "+want+" instead of an integer") {
				t.Errorf("%s: %v", row, err)
			}
		}
	}
}
