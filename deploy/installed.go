package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// What is installed, and under which names.
const (
	Service      = "cis490-fleet-health.service"
	Timer        = "cis490-fleet-health.timer"
	NotifyTimer  = "cis490-fleet-health-notify.timer"
	User         = "cis490-fleet-health"
	DefaultsFile = "/etc/default/cis490-fleet-health" // FLEET_HEALTH_FLAGS of the service
)

// ErrNoSystemd: systemd does not run on this machine, or does not answer.
var ErrNoSystemd = errors.New("systemd does not answer")

// Unit is what systemd knows of a unit: its properties, as systemctl show
// prints them. One that is not installed has the LoadState not-found.
type Unit map[string]string

// AskUnit asks systemd for the properties of a unit.
func AskUnit(ctx context.Context, name string, properties ...string) (Unit, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=LoadState,ActiveState,UnitFileState,"+strings.Join(properties, ","), "--", name).Output()
	if err != nil {
		return nil, fmt.Errorf("%w: systemctl: %w", ErrNoSystemd, err)
	}
	unit := Unit{}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			unit[key] = value
		}
	}
	return unit, nil
}

// Flags returns the flags that a defaults file gives the service, as systemd
// splits them: at blanks, but for those in quotes. There are none if there is no
// such file.
func Flags(path string) (flags []string, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value := ""
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "FLEET_HEALTH_FLAGS="); ok {
			value = strings.TrimSpace(v) // the last one counts
		}
	}
	value, closed := unquoted(value)
	flags, ok := split(value)
	if !closed || !ok {
		return nil, fmt.Errorf("%s: a quote of FLEET_HEALTH_FLAGS is not closed", path)
	}
	return flags, nil
}

// unquoted is the value of a line of an environment file: what begins with a
// quote ends with it, and what comes behind is put to it without the blanks
// between.
func unquoted(text string) (value string, ok bool) {
	for text != "" && (text[0] == '"' || text[0] == '\'') {
		end := strings.IndexByte(text[1:], text[0])
		if end < 0 {
			return "", false
		}
		value += text[1 : end+1]
		text = strings.TrimLeft(text[end+2:], " \t")
	}
	return value + text, true
}

// split cuts a text into words at blanks outside of quotes, which it drops.
func split(text string) (words []string, ok bool) {
	var word strings.Builder
	quote, begun := byte(0), false
	for _, r := range []byte(text + " ") {
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case r == quote:
			quote = 0
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteByte(r)
			begun = true
		}
	}
	return words, quote == 0
}
