package deployed

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

const (
	units   = "../../../deploy/systemd/"
	service = "cis490-fleet-health.service"
	notify  = "cis490-fleet-health-notify.service"
)

// unitsHere copies the units and the drop-in for metrics, and sets the program's real path,
// because verify looks for it.
func unitsHere(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	program := fleettest.ProgramIn(t, dir)
	dropIns := service + ".d/"
	if err := os.Mkdir(filepath.Join(dir, dropIns), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{service: units + service, "cis490-fleet-health.timer": units + "cis490-fleet-health.timer",
		notify: units + notify, "cis490-fleet-health-notify.timer": units + "cis490-fleet-health-notify.timer",
		dropIns + "metrics.conf": prometheus + "metrics.conf"} {
		text := strings.ReplaceAll(readText(t, from), "/usr/bin/cis490-fleet-health", program)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheUnitsKeepOnTrying checks that a pass that hangs does not stop the timer for good,
// that a power cut costs at most one pass, and that passes start on time.
func TestTheUnitsKeepOnTrying(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		service:                            {"Type=oneshot", "TimeoutStartSec=10min", "StartLimitIntervalSec=0"},
		"cis490-fleet-health.timer":        {"OnCalendar=*:0/5", "Persistent=true", "AccuracySec=1s", "StartLimitIntervalSec=0"},
		notify:                             {"Type=oneshot", "TimeoutStartSec=5min", "StartLimitIntervalSec=0"},
		"cis490-fleet-health-notify.timer": {"OnCalendar=*:3/5", "AccuracySec=1s", "StartLimitIntervalSec=0"},
	} {
		text := readText(t, units+name)
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("%s has no line %s", name, line)
			}
		}
	}
}

// TestTheUnitsAreSound checks that systemd reports neither an unknown key nor a bad value.
func TestTheUnitsAreSound(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/systemd-analyze")
	dir := unitsHere(t)
	verify := func(names ...string) (string, error) {
		cmd := exec.Command("/usr/bin/systemd-analyze", append([]string{"verify", "--man=no", "--recursive-errors=no"}, names...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := verify("./"+service, "./cis490-fleet-health.timer", "./"+notify, "./cis490-fleet-health-notify.timer"); err != nil || out != "" {
		t.Errorf("verify: %v\n%s", err, out)
	}
	wrong := readText(t, filepath.Join(dir, service)) + "NoNewPrivilege=yes\n"
	if err := os.WriteFile(filepath.Join(dir, "wrong.service"), []byte(wrong), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := verify("./wrong.service"); !strings.Contains(out, "NoNewPrivilege") {
		t.Errorf("a misspelt key passed: %q", out)
	}
}

func TestTheServicesAreSandboxed(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/systemd-analyze")
	dir := unitsHere(t)
	// Ten times the highest exposure that systemd-analyze security may report. The network costs 1.0.
	for unit, most := range map[string]string{service: "5", notify: "15"} {
		cmd := exec.Command("/usr/bin/systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+most, "./"+unit)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("exposed to more than %s tenths: %v\n%s", most, err, out)
		}
		t.Logf("%s", out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:])
	}
}

// TestANotificationFollowsEachPass, whether it succeeded or not.
func TestANotificationFollowsEachPass(t *testing.T) {
	t.Parallel()
	text := readText(t, units+service)
	for _, line := range []string{"OnSuccess=" + notify, "OnFailure=" + notify} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%s has no line %s", service, line)
		}
	}
}

// TestTheUnitsFlagsExist runs the command line of the unit, and the one that the defaults
// file suggests, in a new directory.
func TestTheUnitsFlagsExist(t *testing.T) {
	t.Parallel()
	_, line, _ := strings.Cut(readText(t, units+service), "\nExecStart=")
	line, _, _ = strings.Cut(line, "\n")
	suggested := regexp.MustCompile(`(?m)^#FLEET_HEALTH_FLAGS="(.*)"$`).FindStringSubmatch(readText(t, units+"cis490-fleet-health.default"))
	if suggested == nil {
		t.Fatal("the defaults file suggests no flags")
	}
	dir := t.TempDir()
	index := filepath.Join(dir, "index.jsonl")
	if err := os.WriteFile(index, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{"", suggested[1]} {
		args := strings.Fields(strings.ReplaceAll(line, "$FLEET_HEALTH_FLAGS", flags))[1:]
		var stderr bytes.Buffer
		args = append(args, "--db", filepath.Join(dir, "fleet.db"), "--alerts-path", filepath.Join(dir, "alerts.jsonl"),
			"--index-path", index, "--journal", "none")
		if code := cli.Run(t.Context(), args, fleettest.Env(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), &stderr)); code != cli.ExitOK {
			t.Errorf("%v: exit %d\n%s", args, code, &stderr)
		}
	}
}

// TestTheScriptsParse checks the scripts with dash, bash and shellcheck.
func TestTheScriptsParse(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/shellcheck")
	scripts, err := filepath.Glob("../../../deploy/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	scripts = append(scripts, "../../../deploy/debian/postinst", "../../../deploy/debian/prerm", "../../../deploy/debian/postrm",
		"../../../.ci/run", "../../../.ci/nightly", "../../../.ci/mutations", "../../../.ci/corpus", "../../../.ci/e2e", "../../../.ci/e2e.d/reader")
	for _, script := range scripts {
		shell, _, _ := strings.Cut(filepath.Base(strings.TrimPrefix(strings.Split(readText(t, script), "\n")[0], "#!")), "\n")
		shell = strings.TrimPrefix(shell, "env ")
		if out, err := exec.Command(shell, "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s -n %s: %v\n%s", shell, script, err, out)
		}
		if info, err := os.Stat(script); err != nil || info.Mode()&0o111 != 0o111 {
			t.Errorf("%s is not executable (%v)", script, err)
		}
	}
	if out, err := exec.Command("/usr/bin/shellcheck", append([]string{"-x"}, scripts...)...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}

// TestEachCommandHasAPage that mandoc can read, with its flags and exit codes.
func TestEachCommandHasAPage(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, "/usr/bin/mandoc")
	dir := t.TempDir()
	e := fleettest.Env(time.Time{}, os.Stderr)
	if code := cli.Run(t.Context(), []string{"man", dir}, e); code != cli.ExitOK {
		t.Fatalf("exit %d", code)
	}
	for name, has := range map[string]string{"": "cis490-fleet-health-pass(1)", "-pass": "--silent-threshold-min=30", "-report": "--bucket=",
		"-alerts-export": "--rebuild", "-query": "query failing --since 2h", "-status": "1  failure: the disk is full"} {
		page := filepath.Join(dir, "cis490-fleet-health"+name+".1")
		if said, err := exec.Command("/usr/bin/mandoc", "-T", "lint", "-W", "error", page).CombinedOutput(); err != nil {
			t.Errorf("mandoc: %v\n%s", err, said)
		}
		text, err := exec.Command("/usr/bin/mandoc", "-T", "ascii", page).Output()
		if plain := overstruck.ReplaceAllString(string(text), ""); err != nil || !strings.Contains(plain, has) {
			t.Errorf("%s has no %q (%v):\n%s", page, has, err, plain)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "cis490-fleet-health-man.1")); err == nil {
		t.Error("the hidden command has a page")
	}
}

// overstruck matches the first copy of a bold letter, which a page prints twice.
var overstruck = regexp.MustCompile(`.\x08`)

// TestTheStagedFilesAreThose compares the staged files with those that the units and the
// scripts name.
func TestTheStagedFilesAreThose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := fleettest.ProgramIn(t, dir)
	root := filepath.Join(dir, "root")
	cmd := exec.Command("../../../deploy/install.sh", "--stage", root, program)
	cmd.Stderr = io.Discard
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("install.sh --stage: %v\n%s", err, out)
	}
	for path, mode := range map[string]os.FileMode{
		"usr/bin/cis490-fleet-health":                               0o755,
		"usr/lib/cis490-fleet-health/setup":                         0o755,
		"usr/lib/systemd/system/" + service:                         0o644,
		"usr/lib/systemd/system/" + notify:                          0o644,
		"usr/lib/sysusers.d/cis490-fleet-health.conf":               0o644,
		"etc/default/cis490-fleet-health":                           0o644,
		"usr/share/bash-completion/completions/cis490-fleet-health": 0o644,
		"usr/share/man/man1/cis490-fleet-health-pass.1.gz":          0o644,
		"usr/share/cis490-fleet-health/queries/last-good.sql":       0o644,
		"usr/share/cis490-fleet-health/prometheus/alerts.rules.yml": 0o644,
		"usr/share/cis490-fleet-health/prometheus/grafana.json":     0o644,
		"usr/share/cis490-fleet-health/prometheus/metrics.conf":     0o644,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil || info.Mode() != mode || info.Size() == 0 {
			t.Errorf("%s: %v, %v, want mode %v and something in it", path, info, err, mode)
		}
	}
}
