package cli

import (
	"cmp"
	"slices"
	"strings"
)

// nearest returns at most so many names that resemble a word, the nearest first.
func nearest(word string, among []string, most int) []string {
	type scored struct {
		name     string
		distance int
	}
	var found []scored
	for _, name := range among {
		d := distance(strings.ToLower(word), strings.ToLower(name))
		if strings.HasPrefix(name, word) {
			d = 1
		}
		if d <= max(2, len(word)/3) {
			found = append(found, scored{name, d})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	names := make([]string, 0, most)
	for _, f := range found[:min(most, len(found))] {
		names = append(names, f.name)
	}
	return names
}

// distance returns how many letters must be added, removed or changed to turn one word
// into another (Levenshtein).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			change := diagonal
			if r != s {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}

// didYouMean returns the end of a message about an unknown name.
func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = cell(name)
	}
	return "; nearest: " + strings.Join(quoted, ", ")
}
