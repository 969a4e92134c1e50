package isotime_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/store/isotime"
)

// fromISOFormat reads texts, one JSON string per line, with Python's own function. It writes
// the microseconds since 1970 for each, or none.
const fromISOFormat = `
import json, sys
from datetime import datetime, timedelta, timezone
if sys.version_info[:2] < (3, 11): sys.exit(3)
epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
for line in sys.stdin:
    try:
        at = datetime.fromisoformat(json.loads(line))
        if at.tzinfo is None: at = at.replace(tzinfo=timezone.utc)
        print((at - epoch) // timedelta(microseconds=1))
    except ValueError:
        print("none")
`

// TestParseAgreesWithPython gives random texts to Python and to Parse.
func TestParseAgreesWithPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import sys; sys.exit(sys.version_info[:2] < (3, 11))").Run()
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("python3.11: %v", err)
	default:
		t.Skipf("python3.11: %v", err)
	}
	r := rand.New(rand.NewPCG(17, 6))
	texts := []string{"2026-05-01T", "2026-05-01☃", "20260501", "2026W18", "2026W185", "2026-W18", "2026-W18-5", "2026-W53", "2020-W53-7", "2026-W18-0",
		"2026-W18-12", "2026W18512", "2026W185T12", "9999-W52-6T00:00+12:00", "0001-W01-1", "2026-W00-1", "2026-05-01T24:00", "2026-05-01T12:00:00.Z",
		"2026-05-01T12:00:00 +00:00", "2026-05-01T12:00:00.123456 xyz+00:00", "2026-05-01T12:00:00\x00", "2026-05-01T12:00:00Z\x00x", "2026-05-01T12:00:00.1234567\x00x"}
	for range 60_000 {
		texts = append(texts, randomTime(r))
	}
	var input strings.Builder
	for _, text := range texts {
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
	}
	cmd := exec.Command(python, "-c", fromISOFormat)
	cmd.Stdin = strings.NewReader(input.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(strings.NewReader(string(out)))
	read := map[bool]int{}
	for _, text := range texts {
		if !answers.Scan() {
			t.Fatal("too few answers")
		}
		want := answers.Text()
		var us int64
		if fmt.Sscan(want, &us); us < 1 || us > isotime.Max {
			want = "none"
		}
		got := "none"
		if at, ok := isotime.Parse(text); ok {
			got = fmt.Sprint(at)
		}
		if got != want {
			t.Errorf("Parse(%q) is %s, want %s", text, got, want)
		}
		read[want != "none"]++
	}
	if read[true] < len(texts)/4 || read[false] < len(texts)/4 {
		t.Errorf("Python reads %d texts and refuses %d: too few", read[true], read[false])
	}
}

// randomTime returns a random time in a random form, often with an error.
func randomTime(r *rand.Rand) string {
	one := func(forms ...string) string { return forms[r.IntN(len(forms))] }
	at := time.UnixMicro(1 + r.Int64N(4_000_000_000_000_000)).UTC()
	year, week := at.ISOWeek()
	weekday := (int(at.Weekday())+6)%7 + 1
	text := one(at.Format("2006-01-02"), at.Format("20060102"), fmt.Sprintf("%04d-W%02d-%d", year, week, weekday), fmt.Sprintf("%04dW%02d%d", year, week, weekday),
		fmt.Sprintf("%04d-W%02d", year, week), fmt.Sprintf("%04dW%02d", year, week))
	if r.IntN(8) > 0 {
		text += one("T", " ", "t", "-", "☃", "é", "7", "\x00", "😀", "T")
		text += at.Format(one("15", "15:04", "1504", "15:04:05", "150405"))
		text += one("", "", "."+at.Format("000000")[:r.IntN(7)], ","+at.Format("000000"), ".000000"+at.Format("000"), ".", ":5", "123")
		text += one("", "", " ", "x")
		sign, hour, minute := one("+", "-"), r.IntN(27), r.IntN(62)
		offset := sign + fmt.Sprintf(one("%02d:%02d", "%02d%02d"), hour, minute)
		text += one("", "Z", "+00:00", "+0000", "-00", sign+fmt.Sprintf("%02d", hour), offset, offset+one(":30", "30", ":00.5", ":00.000001"))
	}
	runes := []rune(text)
	for r.IntN(3) == 0 {
		i := r.IntN(len(runes) + 1)
		odd := []rune(one("0", "1", "9", "-", ":", "+", ".", "W", "T", "Z", " ", "\x00", "é", "٣"))
		switch {
		case r.IntN(3) == 0:
			runes = append(runes[:i:i], append(odd, runes[i:]...)...)
		case i == len(runes):
		case r.IntN(2) == 0:
			runes = append(runes[:i:i], runes[i+1:]...)
		default:
			runes[i] = odd[0]
		}
	}
	if r.IntN(20) == 0 {
		runes = runes[:r.IntN(len(runes)+1)]
	}
	return string(runes)
}
