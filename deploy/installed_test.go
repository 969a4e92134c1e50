package deploy_test

import (
	"os"
	"path/filepath"
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
