package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the scripts expect anew, from what they get")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cis490-fleet-health": main})
}

// TestScripts runs the program as a user does, from the scripts in
// testdata/script. Each works in an empty directory of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               openToOthers,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "refused": refused, "locked": locked, "terminal": terminal,
		},
	})
}

// condition knows [root], may this process become another user, and
// [has:PROGRAM]. Where the tests must not be skipped, both must hold.
func condition(name string) (met bool, err error) {
	if program, ok := strings.CutPrefix(name, "has:"); ok {
		_, err = exec.LookPath(program)
	} else if name != "root" {
		return false, fmt.Errorf("unknown condition %q", name)
	} else if os.Geteuid() != 0 {
		err = errors.New("not root")
	}
	if os.Getenv("CI") != "" {
		return err == nil, err
	}
	return err == nil, nil
}

// openToOthers lets another user get at the script's files and at the program.
func openToOthers(env *testscript.Env) error {
	bin, _, _ := strings.Cut(env.Getenv("PATH"), string(filepath.ListSeparator))
	for _, dir := range []string{env.WorkDir, bin} {
		for ; strings.HasPrefix(dir, os.TempDir()) && dir != os.TempDir(); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// exits runs a command, and tells one exit code from another:
//
//	exits CODE command…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitOf(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

func exitOf(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Check(err)
	return -1
}

// refused runs the program, which must exit with 2, say why in one line that
// matches a pattern, and leave everything as it was:
//
//	refused PATTERN argument…
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: refused PATTERN argument…")
	}
	before := contents(ts)
	if got := exitOf(ts, ts.Exec("cis490-fleet-health", args[1:]...)); got != cli.ExitUsage {
		ts.Fatalf("exit %d, want %d", got, cli.ExitUsage)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("something on stdout: %q", out)
	}
	said := ts.ReadFile("stderr")
	if strings.Count(said, "\n") != 1 || !strings.HasSuffix(said, "\n") {
		ts.Fatalf("stderr is not one line: %q", said)
	}
	if !regexp.MustCompile("(?m)" + args[0]).MatchString(said) {
		ts.Fatalf("stderr is not like %q: %q", args[0], said)
	}
	if diff := cmp.Diff(before, contents(ts)); diff != "" {
		ts.Fatalf("it left something behind:\n%s", diff)
	}
}

// contents returns what the script's directory holds.
func contents(ts *testscript.TestScript) map[string]string {
	files := map[string]string{}
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		content := []byte(d.Type().String())
		if d.Type().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		files[path] = string(content)
		return nil
	}))
	return files
}

// locked is exits while another process holds a lock file:
//
//	locked FILE CODE command…
func locked(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: locked FILE CODE command…")
	}
	lock := flock.New(ts.MkAbs(args[0]))
	ok, err := lock.TryLock()
	ts.Check(err)
	if !ok {
		ts.Fatalf("%s is locked already", args[0])
	}
	defer lock.Unlock()
	exits(ts, neg, args[1:])
}
