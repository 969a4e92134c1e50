package store

import "time"

// Times in the database are microseconds since 1970-01-01 UTC. These are
// lengths of time in that unit.
const (
	Second int64 = 1_000_000
	Minute       = 60 * Second
	Hour         = 60 * Minute
)

// MaxTime is the last microsecond of the year 9999, the largest time stored.
const MaxTime = 253402300800*Second - 1

// FormatTime writes a time as Python's datetime.isoformat does for UTC, always
// with microseconds: 2026-05-01T06:37:53.830599+00:00. Readers of alerts.jsonl
// parse it with fromisoformat, which before Python 3.11 knows no Z.
func FormatTime(at int64) string {
	return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000-07:00")
}

// ParseTime reads an ISO 8601 time in the forms that Python's fromisoformat
// accepts and that clocks write: a date, any one character, hours and minutes,
// then seconds, a fraction after a dot or comma, and Z or an offset, each of
// which may be missing; also a date alone. Digits past the microsecond are cut
// off. A time without an offset is UTC. The result is in microseconds;
// ok is false for anything else, for times up to 1970 began, and after 9999.
func ParseTime[T string | []byte](s T) (at int64, ok bool) {
	p := timeParser[T]{s: s, ok: true}
	year := p.digits(4)
	p.literal('-')
	month := p.digits(2)
	p.literal('-')
	day := p.digits(2)
	if !p.ok || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	at = civilDay(year, month, day) * 24 * Hour
	if p.i < len(s) {
		p.separator()
		clock, offset := p.clock()
		at += clock - offset
	}
	return at, p.ok && p.i == len(s) && at > 0 && at <= MaxTime
}

type timeParser[T string | []byte] struct {
	s  T
	i  int
	ok bool
}

func (p *timeParser[T]) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *timeParser[T]) literal(c byte) {
	if p.peek() != c {
		p.ok = false
	}
	p.i++
}

// separator skips the one character, of any length in UTF-8, between date and time.
func (p *timeParser[T]) separator() {
	p.i++
	for p.i < len(p.s) && p.s[p.i]&0xc0 == 0x80 {
		p.i++
	}
}

func (p *timeParser[T]) digits(n int) (v int64) {
	if p.i+n > len(p.s) {
		p.ok = false
		return 0
	}
	for _, c := range []byte(p.s[p.i : p.i+n]) {
		if c < '0' || c > '9' {
			p.ok = false
			return 0
		}
		v = v*10 + int64(c-'0')
	}
	p.i += n
	return v
}

// clock reads the time of day and the offset, both in microseconds.
func (p *timeParser[T]) clock() (clock, offset int64) {
	clock = p.hms()
	switch p.peek() {
	case 'Z':
		p.i++
	case '+':
		p.i++
		offset = p.hms()
	case '-':
		p.i++
		offset = -p.hms()
	}
	if offset <= -24*Hour || offset >= 24*Hour {
		p.ok = false
	}
	return clock, offset
}

func (p *timeParser[T]) hms() int64 {
	hour, minute, second, micro := p.digits(2), int64(0), int64(0), int64(0)
	if p.ok && p.peek() == ':' {
		p.i++
		minute = p.digits(2)
		if p.ok && p.peek() == ':' {
			p.i++
			second = p.digits(2)
			if c := p.peek(); p.ok && (c == '.' || c == ',') {
				p.i++
				micro = p.fraction()
			}
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		p.ok = false
	}
	return hour*Hour + minute*Minute + second*Second + micro
}

func (p *timeParser[T]) fraction() (micro int64) {
	start, unit := p.i, Second/10
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		micro += int64(c-'0') * unit
		unit /= 10
		p.i++
	}
	p.ok = p.ok && p.i > start
	return micro
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// civilDay counts days from 1970-01-01 in the Gregorian calendar, with years
// that begin in March, so that the leap day is the last of its year.
func civilDay(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
}
