package notify

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/shellword"
	"github.com/cis490/fleet-health/store/visible"
)

// ErrConfig means that the file of sinks cannot be read, or has a line that is wrong.
var ErrConfig = errors.New("the sinks are not configured right")

// Events are the events that a sink may be told of.
var Events = []string{store.EventOpened, store.EventRepeated, store.EventLost, store.EventAcknowledged, store.EventResolved}

// kind is what a sink takes.
type kind int

const (
	takesMessages kind = iota // a message for each event
	takesAlerts               // the alerts that are open
	takesPings                // a ping after each pass
)

// Sink is a line of the configuration.
type Sink struct {
	Line  int
	Label string // what people see of the URL; it has no secret

	key                    string // finds the sink in the database
	kind                   kind
	symptoms, hosts, kinds []string // patterns that events must match; nil for all
	page                   *url.URL // of the fleet, to link to; nil for none
	send                   sender   // of a sink that takes messages
	alerts                 *alertmanager
	ping                   *ping
}

// String names the sink for people.
func (s *Sink) String() string { return fmt.Sprintf("%s (line %d)", s.Label, s.Line) }

// ReadConfig reads a file of sinks: a URL and its options on each line. It refuses a file that
// others may read, since most of these URLs are secrets. symptoms are those that exist. The
// error is ErrConfig, and shows no URL.
func ReadConfig(file string, symptoms []string) ([]Sink, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no file %s; deploy/README.md says what to write to it", ErrConfig, file)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrConfig, file)
	case info.Size() > 1<<20:
		return nil, fmt.Errorf("%w: %s is larger than 1 MiB", ErrConfig, file)
	case OpenToOthers(info.Mode()):
		return nil, fmt.Errorf("%w: %s has the mode %04o, and may have secrets: type `sudo chmod 0640 %s`", ErrConfig, file, info.Mode().Perm(),
			shellword.Quote(file))
	}
	text := make([]byte, info.Size())
	n, err := f.ReadAt(text, 0)
	if n < len(text) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	sinks, err := parseConfig(string(text), symptoms)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, file, err)
	}
	return sinks, nil
}

// OpenToOthers reports whether a file of sinks has a mode with which others may read it, or its
// group may change it.
func OpenToOthers(mode fs.FileMode) bool { return mode.Perm()&0o027 != 0 }

func parseConfig(text string, symptoms []string) (sinks []Sink, err error) {
	line := 0
	for l := range strings.Lines(text) {
		line++
		words := strings.Fields(l)
		if at := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); at >= 0 {
			words = words[:at]
		}
		if len(words) == 0 {
			continue
		}
		s, err := parseSink(words[0], words[1:], symptoms)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		s.Line = line
		for _, other := range sinks {
			if other.key == s.key {
				return nil, fmt.Errorf("lines %d and %d have the same URL: put the options of both on one line", other.Line, line)
			}
		}
		sinks = append(sinks, s)
	}
	if len(sinks) == 0 {
		return nil, errors.New("it has no URL")
	}
	return sinks, nil
}

// parseSink parses the words of a line.
func parseSink(typed string, options, symptoms []string) (s Sink, err error) {
	o := map[string]string{}
	for n, option := range options {
		name, value, ok := strings.Cut(option, "=")
		if !ok || value == "" || !slices.Contains([]string{"symptoms", "hosts", "events", "page", "secret"}, name) {
			// It may be part of a secret with a blank.
			return s, fmt.Errorf("word %d is none of the options symptoms=…, hosts=…, events=…, page=… and secret=…", n+2)
		}
		if _, twice := o[name]; twice {
			return s, fmt.Errorf("%s= stands twice: put a comma between its values", name)
		}
		o[name] = value
	}
	if err := s.address(typed, o["secret"]); err != nil {
		return s, err
	}
	if s.key, err = keyOf(typed); err != nil {
		return s, err
	}
	switch {
	case s.kind == takesPings && len(o) > 0:
		return s, errors.New("a ping has no options")
	case s.kind == takesAlerts && o["events"] != "":
		return s, errors.New("an Alertmanager needs all events: it has no events=")
	}
	if o["page"] != "" {
		if s.page, err = url.Parse(o["page"]); err != nil || s.page.Host == "" || s.page.Scheme != "https" && s.page.Scheme != "http" || s.page.User != nil {
			return s, errors.New("page= is not the URL of a page, like https://fleet.example/")
		}
	}
	for _, f := range []struct {
		name  string
		to    *[]string
		known []string
	}{{"symptoms", &s.symptoms, append([]string{SymptomStopped}, symptoms...)}, {"hosts", &s.hosts, nil}, {"events", &s.kinds, Events}} {
		if *f.to, err = patterns(f.name, o[f.name], f.known); err != nil {
			return s, err
		}
	}
	return s, nil
}

// patterns splits the value of an option. Each pattern must match one of the known values, if
// these are given.
func patterns(name, value string, known []string) (list []string, err error) {
	if value == "" {
		return nil, nil
	}
	for pattern := range strings.SplitSeq(value, ",") {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return nil, fmt.Errorf("%s=: %s is not a pattern", name, visible.Quote(pattern))
		}
		matches := func(v string) bool { ok, _ := path.Match(pattern, v); return ok }
		if known != nil && !slices.ContainsFunc(known, matches) {
			return nil, fmt.Errorf("%s=: %s is none of %s", name, visible.Quote(pattern), strings.Join(known, ", "))
		}
		list = append(list, pattern)
	}
	return list, nil
}

// keyOf returns a hash by which a sink is found again. Members of the group may read the
// database, so it is slow to guess a short password from it.
func keyOf(typed string) (string, error) {
	sum, err := pbkdf2.Key(sha256.New, typed, []byte("cis490-fleet-health sink"), 20_000, 16)
	return hex.EncodeToString(sum), err
}

// wants reports whether the sink is to be told of an event. hosts has those of a group.
func (s *Sink) wants(e *store.SentEvent, hosts func() ([]string, error)) (bool, error) {
	if !matchesAny(s.kinds, e.Event) || !matchesAny(s.symptoms, e.Symptom) {
		return false, nil
	}
	if matchesAny(s.hosts, e.Subject) {
		return true, nil
	}
	names, err := hosts()
	return slices.ContainsFunc(names, func(name string) bool { return matchesAny(s.hosts, name) }), err
}

// link returns a link to an incident on the page of the fleet, or to its start if id is nil; ""
// without a page.
func (s *Sink) link(id *int64) string {
	if s.page == nil {
		return ""
	}
	place := *s.page
	if id != nil {
		place.Fragment = fmt.Sprint("i", *id) // as report's page has it
	}
	return place.String()
}

func matchesAny(patterns []string, value string) bool {
	return patterns == nil || slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, value); return ok })
}
