package report

import "time"

// Reaches returns the first instant at which the clocks of a zone show a time of
// day, or a later one: where they are put forward over midnight, a day begins at
// one. wall has the time of day as one of UTC.
func Reaches(wall time.Time, zone *time.Location) time.Time {
	// No zone is further from UTC than that.
	for t := wall.Add(-26 * time.Hour).In(zone); ; {
		from, to := t.ZoneBounds() // zero where there are none
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

// Midnight is where the day begins that is so many days after that of t.
func Midnight(t time.Time, days int) time.Time {
	return Reaches(time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, time.UTC), t.Location())
}
