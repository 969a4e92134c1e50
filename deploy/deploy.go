// Package deploy carries what is installed beside the program. The queries of
// an incident are SQL files, so that they run in sqlite3 too, with or without
// the program; they are embedded for the command query. It imports nothing of
// this program.
package deploy

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed queries/*.sql
var queries embed.FS

// Query is a saved question of an incident.
type Query struct {
	Name  string // that of its file, without .sql
	About string // the first sentence of the comment that it begins with
	Text  string // SQL, comments included
}

// Queries returns the saved questions, by name.
func Queries() ([]Query, error) {
	names, err := fs.Glob(queries, "queries/*.sql")
	if err != nil {
		return nil, err
	}
	saved := make([]Query, 0, len(names))
	for _, name := range names {
		text, err := queries.ReadFile(name)
		if err != nil {
			return nil, err
		}
		saved = append(saved, Query{strings.TrimSuffix(path.Base(name), ".sql"), firstSentence(string(text)), string(text)})
	}
	return saved, nil
}

// firstSentence reads the comment at the begin of a text, to the first stop.
func firstSentence(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(line, "--")
		if !ok {
			break
		}
		for _, word := range strings.Fields(comment) {
			words = append(words, word)
			if strings.ContainsRune(".?", rune(word[len(word)-1])) {
				return strings.Join(words, " ")
			}
		}
	}
	return strings.Join(words, " ")
}
