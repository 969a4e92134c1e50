package house

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// TestLibcIsTheOneThatSQLiteNames: modernc.org/sqlite is generated for one version of
// modernc.org/libc, and is tested only with that version. goose required a later one.
func TestLibcIsTheOneThatSQLiteNames(t *testing.T) {
	t.Parallel()
	type module struct {
		Path, Version, GoMod string
		Replace              *module
		Require              []module
	}
	goJSON := func(into any, args ...string) {
		t.Helper()
		out, err := exec.Command("go", args...).Output()
		if err == nil {
			err = json.Unmarshal(out, into)
		}
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
	}
	var sqlite, libc, named module
	goJSON(&sqlite, "list", "-m", "-json", "modernc.org/sqlite")
	goJSON(&libc, "list", "-m", "-json", "modernc.org/libc")
	if _, err := os.Stat(sqlite.GoMod); err != nil {
		t.Fatal(err)
	}
	goJSON(&named, "mod", "edit", "-json", sqlite.GoMod)
	if libc.Replace != nil {
		libc = *libc.Replace
	}
	for _, required := range named.Require {
		if required.Path == libc.Path && required.Version == libc.Version {
			return
		}
	}
	t.Errorf("%s %s is linked, which %s %s does not name", libc.Path, libc.Version, sqlite.Path, sqlite.Version)
}
