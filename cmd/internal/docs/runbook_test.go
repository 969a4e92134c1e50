package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/detect"
)

// TestEachSymptomAndStateHasAnEntryInTheRunbook: fixes name the entry of their symptom. An
// entry that nothing names is out of date.
func TestEachSymptomAndStateHasAnEntryInTheRunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../report/README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../../report/state.go")
	if err != nil {
		t.Fatal(err)
	}
	named := detect.AllSymptoms()
	for _, m := range regexp.MustCompile(`(?m)^\tstate\w+ += state\("([a-z]+)"\)`).FindAllStringSubmatch(string(source), -1) {
		if m[1] != "open" { // of a cause, not of a host
			named = append(named, m[1])
		}
	}
	_, runbook, _ := strings.Cut(string(text), "\n## Runbook\n")
	runbook, _, _ = strings.Cut(runbook, "\n## ")
	var entries []string
	for _, m := range regexp.MustCompile(`(?m)^#### (.*)\n\n(\S.*)`).FindAllStringSubmatch(runbook, -1) {
		if slices.Contains(entries, m[1]) {
			t.Errorf("there are two entries of %s: an anchor leads to the first alone", m[1])
		}
		entries = append(entries, m[1])
	}
	slices.Sort(named)
	named = slices.Compact(named)
	slices.Sort(entries)
	if !slices.Equal(named, entries) {
		t.Errorf("the runbook has the entries\n%v\nof the symptoms and states\n%v", entries, named)
	}
}
