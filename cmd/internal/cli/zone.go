package cli

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// zone returns the time zone in which times are read and shown. It refuses a TZ that Go
// would silently take for UTC.
func (r *reading) zone(e *Env) (*time.Location, error) {
	if !r.local {
		return time.UTC, nil
	}
	tz := e.Getenv("TZ")
	if tz == "" {
		return time.Local, nil // the machine's, or UTC if TZ is set and empty
	}
	zone, ok := zoneOf(tz)
	if !ok {
		return nil, fmt.Errorf("%w: --local: TZ=%s is not a time zone that this machine knows: set TZ to a name like Europe/Berlin or a rule like CET-1CEST,M3.5.0,M10.5.0/3, or unset it",
			errUsage, cell(tz))
	}
	return zone, nil
}

// zoneOf returns the zone that TZ names: a file, with or without a colon before its name,
// or a POSIX rule.
func zoneOf(tz string) (zone *time.Location, ok bool) {
	name := strings.TrimPrefix(tz, ":")
	if filepath.IsAbs(name) {
		data, err := os.ReadFile(name)
		if err == nil {
			zone, err = time.LoadLocationFromTZData(name, data)
		}
		return zone, err == nil
	}
	if zone, err := time.LoadLocation(name); err == nil && name != "Local" {
		return zone, true
	}
	return posixZone(tz)
}

// aRule matches the start of a POSIX rule, a name and an offset. Go checks the rest.
var aRule = regexp.MustCompile(`^([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d[A-Za-z0-9<>+:,./-]*$`)

// posixZone parses a rule like CET-1CEST,M3.5.0,M10.5.0/3. Go only parses a rule at the
// end of a zone's file, so it gets a file with nothing else in it.
func posixZone(rule string) (zone *time.Location, ok bool) {
	const unread = "?" // the name of the file's own type of time, which counts if the rule cannot be read
	if !aRule.MatchString(rule) {
		return nil, false
	}
	var file []byte
	for range 2 { // one block for 32-bit times, one for 64-bit times
		file = append(file, "TZif2"+strings.Repeat("\x00", 15)...)
		for _, count := range []uint32{0, 0, 0, 0, 1, uint32(len(unread) + 1)} {
			file = binary.BigEndian.AppendUint32(file, count)
		}
		file = append(file, "\x00\x00\x00\x00\x00\x00"+unread+"\x00"...)
	}
	zone, err := time.LoadLocationFromTZData(rule, append(file, "\n"+rule+"\n"...))
	if err != nil {
		return nil, false
	}
	for _, month := range []time.Month{time.January, time.July} {
		name, offset := time.Date(2026, month, 1, 0, 0, 0, 0, zone).Zone()
		if name == unread || offset < -24*3600 || offset > 24*3600 {
			return nil, false
		}
	}
	return zone, true
}
