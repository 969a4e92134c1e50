package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/deploy"
	"github.com/google/go-cmp/cmp"
)

// TestFlagsAreThoseThatSystemdGives: the pairs were printed by a unit of systemd
// 252 with EnvironmentFile= and ExecStart=/usr/bin/printf '[%%s]' $FLEET_HEALTH_FLAGS.
// Only an open quote, which systemd closes by itself, is an error here.
func TestFlagsAreThoseThatSystemdGives(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"an empty value", `FLEET_HEALTH_FLAGS=""`, nil},
		{"one in quotes as a whole", `FLEET_HEALTH_FLAGS="--a 1 --b=2"`, []string{"--a", "1", "--b=2"}},
		{"one without quotes", "FLEET_HEALTH_FLAGS=--a   1\n", []string{"--a", "1"}},
		{"a blank in a word", `FLEET_HEALTH_FLAGS="--a 'b c'"`, []string{"--a", "b c"}},
		{"more behind a quote", `FLEET_HEALTH_FLAGS="--a" --b`, []string{"--a--b"}},
		{"a quote within", `FLEET_HEALTH_FLAGS=--a "b c"`, []string{"--a", "b c"}},
		{"a comment that is none", `FLEET_HEALTH_FLAGS=--a # c`, []string{"--a", "#", "c"}},
		{"a comment, and what counts last", "#FLEET_HEALTH_FLAGS=--no\n FLEET_HEALTH_FLAGS=--no\nFLEET_HEALTH_FLAGS=--yes\nOTHER=1\n", []string{"--yes"}},
		{"a line that goes on", "FLEET_HEALTH_FLAGS=\"--a \\\n--b\"\n", []string{"--a", "--b"}},
	} {
		path := filepath.Join(t.TempDir(), "defaults")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := deploy.Flags(path)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	if got, err := deploy.Flags(filepath.Join(t.TempDir(), "none")); got != nil || err != nil {
		t.Errorf("no file: %q, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "defaults")
	if err := os.WriteFile(path, []byte(`FLEET_HEALTH_FLAGS="--a`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := deploy.Flags(path); err == nil {
		t.Errorf("an open quote: %q", got)
	}
}

// FuzzFlags writes words with quotes around them into a defaults file: they are
// read as they are, whatever stands before that line. Arbitrary text is read
// without a panic.
func FuzzFlags(f *testing.F) {
	for _, seed := range []string{"--a", "a b", "", "'", "\\", "#", "FLEET_HEALTH_FLAGS=x", "\"a\" b", "é\u2028", "\xfc"} {
		f.Add(seed, seed)
	}
	path := filepath.Join(f.TempDir(), "defaults")
	f.Fuzz(func(t *testing.T, before, word string) {
		read := func(text string) ([]string, error) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return deploy.Flags(path)
		}
		read(word)
		if strings.ContainsAny(word, "'\"\n\r\\") || strings.HasSuffix(before, "\\") {
			return
		}
		got, err := read(before + "\nFLEET_HEALTH_FLAGS=\"--x '" + word + "' y\"\n")
		if diff := cmp.Diff([]string{"--x", word, "y"}, got); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}
