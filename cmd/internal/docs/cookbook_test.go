package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// TestTheCookbookIsTrue runs every query of the cookbook in deploy/queries on the demo's
// database. Each returns rows, and Debian's sqlite3 returns the same.
func TestTheCookbookIsTrue(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/sqlite3")
	readme, err := os.ReadFile("../../../deploy/queries/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## SQL cookbook\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```sql\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	if len(blocks) < 8 {
		t.Fatalf("the cookbook of deploy/queries has %d queries, want at least 8", len(blocks))
	}
	db := troubledFleet(t)
	for _, block := range blocks {
		if rows := askBoth(t, db, block[1]); len(rows) == 0 {
			t.Errorf("it says nothing of the demo's fleet:\n%s", block[1])
		}
	}
}
