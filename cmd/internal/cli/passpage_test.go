package cli

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/store"
)

// TestWhichPagesAreDue: a page is written if there is none, or if it may be out of date.
func TestWhichPagesAreDue(t *testing.T) {
	t.Parallel()
	const now = 100 * store.Hour
	old, young := int64(now-pageAge), int64(now-store.Minute)
	for _, c := range []struct {
		name string
		page storedPage
		due  bool
	}{
		{"there is no page", storedPage{changed: true}, true},
		{"the page is young", storedPage{writtenAt: young}, false},
		{"the page is an hour old", storedPage{writtenAt: old}, true},
		{"the clock went back since it was written", storedPage{writtenAt: now + 1}, true},
		{"the page is young, but the state changed", storedPage{writtenAt: young, changed: true}, true},
		{"the page is young, but the host is in trouble", storedPage{writtenAt: young, trouble: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.page.host = "lab-1"
			if due := duePages([]storedPage{c.page}, now); (len(due) == 1) != c.due {
				t.Errorf("due are %q", due)
			}
		})
	}
}

// TestAPassWritesFewPagesAgain: the most urgent ones. Those that were never written do not count.
func TestAPassWritesFewPagesAgain(t *testing.T) {
	t.Parallel()
	const now = 100 * store.Hour
	var pages []storedPage
	for n := range 3 * maxPages {
		pages = append(pages, storedPage{host: fmt.Sprint("old-", n), writtenAt: now - pageAge - int64(n)})
	}
	pages = append(pages, storedPage{host: "trouble", trouble: true, writtenAt: now - 1}, storedPage{host: "changed", changed: true, writtenAt: now - 1})
	for n := range 5 {
		pages = append(pages, storedPage{host: fmt.Sprint("new-", n), changed: true})
	}
	due := duePages(pages, now)
	if len(due) != maxPages+5 || !slices.Equal(due[:8], []string{"new-0", "new-1", "new-2", "new-3", "new-4", "changed", "trouble", fmt.Sprint("old-", 3*maxPages-1)}) {
		t.Errorf("%d are due, %q", len(due), due[:min(len(due), 8)])
	}
}
