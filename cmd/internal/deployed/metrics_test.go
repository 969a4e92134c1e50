package deployed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// The programs of Debian's prometheus and prometheus-node-exporter.
const (
	promtool     = "/usr/bin/promtool"
	nodeExporter = "/usr/bin/prometheus-node-exporter"
	prometheus   = "../../../deploy/prometheus/"
)

// metricsOf runs passes over hosts with hostile names, the second one without an index, and
// returns the metrics after each. file is the file of the last ones.
func metricsOf(t *testing.T) (metrics [2]string, file string) {
	t.Helper()
	dir := t.TempDir()
	index, db := filepath.Join(dir, "index.jsonl"), filepath.Join(dir, "fleet.db")
	var rows strings.Builder
	for _, host := range []string{"lab-01", `a"} 1\`, "a\nfleet_health_hosts 7", "# HELP x", "\u202e", "é日本", "{{ .Labels }}", "$(reboot)"} {
		rows.WriteString(fleettest.Ship(host, fleettest.Now))
	}
	if err := os.WriteFile(index, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) (stdout string) {
		t.Helper()
		var out, stderr bytes.Buffer
		e := fleettest.Env(fleettest.Now, &stderr)
		e.Stdout = &out
		if code := cli.Run(t.Context(), append(args, "--db", db, "--index-path", index), e); code != want {
			t.Fatalf("%v: exit %d\n%s", args, code, &stderr)
		}
		return out.String()
	}
	run(cli.ExitOK, "pass", "--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none")
	metrics[0] = run(cli.ExitOK, "metrics")
	if err := os.Remove(index); err != nil {
		t.Fatal(err)
	}
	run(cli.ExitUsage, "pass", "--alerts-path", filepath.Join(dir, "alerts.jsonl"), "--journal", "none")
	metrics[1] = run(cli.ExitOK, "metrics")
	file = filepath.Join(t.TempDir(), "fleet.prom")
	run(cli.ExitOK, "metrics", file)
	return metrics, file
}

// runPromtool runs a command of promtool in a directory.
func runPromtool(t *testing.T, dir, stdin string, args ...string) {
	t.Helper()
	cmd := exec.Command(promtool, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, promtool)
	metrics, _ := metricsOf(t)
	for _, text := range metrics {
		runPromtool(t, "", text, "check", "metrics")
	}
}

// TestTheAlertingRulesFire checks when each rule fires, and when it does not.
func TestTheAlertingRulesFire(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, promtool)
	dir := t.TempDir()
	for name, from := range map[string]string{"alerts.rules.yml": prometheus, "alerts.test.yml": "testdata/"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(readText(t, from+name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runPromtool(t, dir, "", "check", "rules", "alerts.rules.yml")
	runPromtool(t, dir, "", "test", "rules", "alerts.test.yml")
}

// TestTheDashboardIsSound checks the queries of the dashboard as if they were rules.
func TestTheDashboardIsSound(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, promtool)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readText(t, prometheus+"grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, panel := range dashboard.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			rules = append(rules, rule{fmt.Sprintf("panel:%d", len(rules)), target.Expr})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dashboard.yml"), text, 0o600); err != nil { // JSON is YAML
		t.Fatal(err)
	}
	runPromtool(t, dir, "", "check", "rules", "dashboard.yml")
}

// TestRulesAndDashboardNameMetricsThatExist compares names: Prometheus takes any.
func TestRulesAndDashboardNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	metrics, _ := metricsOf(t)
	printed := regexp.MustCompile(`(?m)^# TYPE (\S+) gauge$`).FindAllStringSubmatch(metrics[0]+metrics[1], -1)
	for _, name := range []string{"alerts.rules.yml", "grafana.json"} {
		used := regexp.MustCompile(`\bfleet_health_\w+`).FindAllString(readText(t, prometheus+name), -1)
		if len(used) < 6 {
			t.Errorf("%s uses only %q", name, used)
		}
		for _, metric := range used {
			if !slices.ContainsFunc(printed, func(m []string) bool { return m[1] == metric }) {
				t.Errorf("%s uses %s, which does not exist", name, metric)
			}
		}
	}
}

// TestNodeExporterReadsTheMetrics lets Debian's node_exporter read the file through the link
// that deploy/README.md makes, and expects each line of it, labels included.
func TestNodeExporterReadsTheMetrics(t *testing.T) {
	t.Parallel()
	fleettest.Need(t, nodeExporter)
	metrics, file := metricsOf(t)
	dir := t.TempDir()
	if err := os.Symlink(file, filepath.Join(dir, "fleet.prom")); err != nil {
		t.Fatal(err)
	}
	exporter := exec.CommandContext(t.Context(), nodeExporter, "--collector.disable-defaults", "--collector.textfile",
		"--collector.textfile.directory="+dir, "--web.listen-address=127.0.0.1:0")
	said, err := exporter.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		exporter.Process.Kill()
		exporter.Wait()
	})
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	lines, address := bufio.NewScanner(said), ""
	for address == "" && lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			address = m[1]
		}
	}
	if address == "" {
		t.Fatal("node_exporter listens nowhere")
	}
	go io.Copy(io.Discard, said)
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	scraped, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(string(scraped), "\n")
	for line := range strings.Lines(metrics[1] + "node_textfile_scrape_error 0\n") {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(got, line) {
			t.Errorf("node_exporter has no line %s", line)
		}
	}
}
