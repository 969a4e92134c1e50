package report

import "time"

// Reaches returns the first time at which the clocks of a zone show a date and time, or a
// later one: if the clocks skip midnight, the day starts at one o'clock. wall is the date
// and time as if in UTC.
func Reaches(wall time.Time, zone *time.Location) time.Time {
	// No zone is more than 26 hours from UTC.
	for t := wall.Add(-26 * time.Hour).In(zone); ; {
		from, to := t.ZoneBounds() // zero if there is none
		_, offset := t.Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if at.Before(from) {
			at = from
		}
		if to.IsZero() || at.Before(to) {
			return at.In(zone)
		}
		t = to
	}
}

// Midnight returns the start of the day that is a number of days after the day of t.
func Midnight(t time.Time, days int) time.Time {
	return Reaches(time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, time.UTC), t.Location())
}
