package report

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/visible"
	"github.com/dustin/go-humanize"
)

// value is the value of a cell: nil, bool, int, int64, float64, string, []byte, or one of
// the types below. People and programs get different forms of some of these types.
type value = any

type (
	// timestamp is a time in microseconds. Programs get RFC 3339.
	timestamp int64
	// minute is a timestamp that people read without seconds.
	minute int64
	// seconds is a duration. People get an age such as 3h12m.
	seconds int64
	// state is the state of a host, or another word that may have a colour.
	state string
	// words are several short strings.
	words []string
	// below is the name of something that the row above explains. People get it indented:
	// no name that is shown as it is begins with a blank.
	below string
	// ids are the ids of incidents.
	ids []int64
	// counts are numbers by HTTP status code. People get 412×31 500×2.
	counts map[int]int64
	// spark is a line of small bars. Programs get the numbers. A negative number is an
	// unknown one.
	spark []int64
	// byteCount is a size in bytes. People get 1.5 MiB.
	byteCount int64
	// unknown is a number that is not known. People get ?, JSON null.
	unknown struct{}
)

// show formats a value for people, in a table.
func show(v value, zone *time.Location) string {
	switch v := v.(type) {
	case nil:
		return ""
	case timestamp:
		return time.UnixMicro(int64(v)).In(zone).Format("2006-01-02 15:04:05")
	case minute:
		return time.UnixMicro(int64(v)).In(zone).Format("2006-01-02 15:04")
	case seconds:
		return Age(int64(v) * store.Second)
	case spark:
		return v.bars()
	case below:
		return "  " + Cell(string(v))
	case byteCount:
		return v.size()
	case bool:
		return map[bool]string{true: "yes"}[v]
	case unknown:
		return "?"
	}
	return Cell(text(v))
}

// plainText formats a value for CSV.
func plainText(v value) string {
	switch v := v.(type) {
	case nil, unknown:
		return ""
	case timestamp:
		return v.utc()
	case minute:
		return timestamp(v).utc()
	case seconds:
		return strconv.FormatInt(int64(v), 10)
	case byteCount:
		return strconv.FormatInt(int64(v), 10)
	case spark:
		return strings.ReplaceAll(strings.Trim(fmt.Sprint([]int64(v)), "[]"), "-1", "?")
	case bool:
		return strconv.FormatBool(v)
	}
	return Cell(text(v))
}

// text formats a value that is the same for people and in CSV.
func text(v value) string {
	switch v := v.(type) {
	case string:
		return v
	case state:
		return string(v)
	case below:
		return string(v)
	case words:
		return strings.Join(v, " ")
	case ids:
		return strings.Trim(fmt.Sprint([]int64(v)), "[]")
	case counts:
		return v.String()
	case []byte:
		return hex.EncodeToString(v)
	case float64:
		return number(v)
	}
	return fmt.Sprint(v)
}

// number formats a float so that it reads back as a float, as SQLite does: 2.0.
func number(f float64) string {
	s := strconv.FormatFloat(f, 'g', 15, 64)
	if strings.Trim(s, "-0123456789") == "" {
		s += ".0"
	}
	return s
}

func (i timestamp) utc() string {
	return time.UnixMicro(int64(i)).UTC().Format("2006-01-02T15:04:05.000000Z")
}

// codes returns the status codes, most frequent first.
func (c counts) codes() []int {
	codes := make([]int, 0, len(c))
	for code := range c {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b int) int {
		if c[a] != c[b] {
			return int(max(-1, min(1, c[b]-c[a])))
		}
		return a - b
	})
	return codes
}

func (c counts) String() string {
	var b strings.Builder
	for _, code := range c.codes() {
		fmt.Fprintf(&b, " %d×%d", code, c[code])
	}
	return strings.TrimPrefix(b.String(), " ")
}

// class returns the sum of a class of codes, such as 4 for 4xx.
func (c counts) class(class int) (n int64) {
	for code, times := range c {
		if code/100 == class {
			n += times
		}
	}
	return n
}

// mainFailure returns the most frequent code of 400 or more, the highest of equally
// frequent ones, or nil for none.
func (c counts) mainFailure() value {
	most := 0
	for code, n := range c {
		if code >= 400 && (most == 0 || n > c[most] || n == c[most] && code > most) {
			most = code
		}
	}
	if most == 0 {
		return nil
	}
	return most
}

// bars draws each number as a bar, relative to the largest.
func (s spark) bars() string {
	const levels = "▁▂▃▄▅▆▇█"
	top := slices.Max(append(s, 1))
	var b strings.Builder
	for _, n := range s {
		switch {
		case n < 0:
			b.WriteByte('?')
		case n == 0:
			b.WriteByte('.')
		default:
			b.WriteRune([]rune(levels)[(n*8-1)/top])
		}
	}
	return b.String()
}

func (b byteCount) size() string { return humanize.IBytes(uint64(max(b, 0))) }

// writeJSON writes a value as JSON in ASCII, so that a host's name cannot send escape
// sequences to a terminal.
func writeJSON(b textWriter, v value) {
	switch v := v.(type) {
	case nil, unknown:
		b.WriteString("null")
	case timestamp, minute:
		quoteASCII(b, plainText(v))
	case words:
		writeArray(b, v, func(s string) { quoteASCII(b, s) })
	case ids:
		writeArray(b, v, func(n int64) { b.WriteString(strconv.FormatInt(n, 10)) })
	case spark:
		writeArray(b, v, func(n int64) {
			if n < 0 {
				b.WriteString("null")
			} else {
				b.WriteString(strconv.FormatInt(n, 10))
			}
		})
	case counts:
		separator := "{"
		for _, code := range v.codes() {
			fmt.Fprintf(b, `%s"%d": %d`, separator, code, v[code])
			separator = ", "
		}
		b.WriteString(strings.TrimPrefix(separator, ", ") + "}")
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			b.WriteString("null") // JSON has neither
		} else {
			b.WriteString(number(v))
		}
	case int, int64, bool, seconds, byteCount:
		fmt.Fprint(b, v)
	default:
		quoteASCII(b, text(v))
	}
}

func writeArray[T any](b textWriter, values []T, write func(T)) {
	b.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		write(v)
	}
	b.WriteByte(']')
}

// Cell quotes a text from outside unless all of it is visible, so that no host name can
// move the terminal's cursor or forge a row.
func Cell(s string) string {
	if visible.All(s) {
		return s
	}
	return visible.Quote(s)
}

// Bytes formats a size in bytes for people, such as 1.5 MiB.
func Bytes(n int64) string { return byteCount(n).size() }

// Age formats a duration in microseconds for people: 48s, 3h12m, 5d4h.
func Age(us int64) string {
	s := max(us, 0) / store.Second
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
}
