// Package house proves that each room imports only the packages that it may, and that the
// linked libraries were tested together.
//
//	go test ./cmd/internal/house
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cis490/fleet-health/"

// testRoom has the helpers that tests share. Only tests may import it.
const testRoom = "cmd/internal/fleettest"

// roomsOf lists the rooms of the program that each room may import.
var roomsOf = map[string][]string{
	"migrations":              {},
	"store/fileowner":         {},
	"store/isotime":           {},
	"store/shellword":         {},
	"store/visible":           {},
	"store":                   {"migrations", "store/fileowner", "store/isotime", "store/visible"},
	"store/sandbox":           {"store"},
	"ingest":                  {"store", "store/isotime", "store/visible"},
	"detect":                  {"store", "store/isotime", "store/shellword"},
	"report":                  {"store", "store/isotime", "store/shellword", "store/visible"},
	"deploy":                  {},
	"cmd/internal/notify":     {"store", "store/shellword", "store/visible"},
	"cmd/internal/cli":        {"cmd/internal/notify", "store", "store/fileowner", "store/isotime", "store/sandbox", "store/shellword", "store/visible", "ingest", "detect", "report", "deploy"},
	"cmd/cis490-fleet-health": {"cmd/internal/cli"},
	testRoom:                  {"store", "store/isotime", "cmd/internal/cli"},
}

// confined maps a dependency to the only room or file that may import it.
var confined = map[string]string{
	"github.com/jmoiron/sqlx":           "store/",
	"github.com/pressly/goose":          "store/",
	"modernc.org/sqlite":                "store/",
	"github.com/olekukonko/tablewriter": "report/",
	"github.com/prometheus/":            "report/",
	"github.com/spf13/cobra":            "cmd/internal/cli/",
	"github.com/nicholas-fedor":         "cmd/internal/notify/service.go",
	"net/http":                          "cmd/internal/notify/",
}

// mainOnly are the calls that only main.go and process.go may make. They read the clock and
// the environment, or end the process.
var mainOnly = []string{"time.Now", "time.Since", "time.Until", "os.Exit", "os.Getenv", "os.LookupEnv", "os.Environ", "os.Args"}

// TestRoomsImportOnlyWhatTheyMay reads every Go file that is not a test.
func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, "../../../"))
		room := filepath.Dir(path)
		allowed, known := roomsOf[room]
		if !known {
			t.Errorf("%s: the design has no room %s", path, room)
		}
		seen[room] = true
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if other, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", path, other)
			}
			for dependency, place := range confined {
				if strings.HasPrefix(imported, dependency) && !strings.HasPrefix(path, place) {
					t.Errorf("%s imports %s, which stays in %s", path, imported, place)
				}
			}
		}
		if room == testRoom || path == "cmd/cis490-fleet-health/main.go" || path == "cmd/internal/cli/process.go" {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if from, ok := selector.X.(*ast.Ident); ok && slices.Contains(mainOnly, from.Name+"."+selector.Sel.Name) {
					t.Errorf("%s uses %s.%s", path, from.Name, selector.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range roomsOf {
		if !seen[room] {
			t.Errorf("nothing was read of room %s", room)
		}
	}
}
