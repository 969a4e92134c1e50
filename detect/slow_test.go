package detect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// every lets hosts ship at an interval, from one time to before another, in minutes before now. A
// PUT comes with each ship.
func (f *fleet) every(interval, from, to int64, hosts ...string) {
	for m := from; m > to; m -= interval {
		for i, host := range hosts {
			at := now - m*store.Minute + int64(i)*store.Second
			f.ship(host, at)
			f.puts(host, 1, at, 200)
		}
	}
}

// expect checks the open incidents as of some minutes after now.
func (f *fleet) expect(minute int64, want ...string) {
	f.Helper()
	f.b.Now = now + minute*store.Minute
	f.save()
	if got := f.follow(detect.DefaultThresholds(), detect.Sources{}, now+minute*store.Minute); !slices.Equal(got, want) {
		f.Errorf("at minute %d got\n%s\nwant\n%s", minute, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const days = 24 * 60 // minutes

// TestOneRefusalOfASlowHost: a host that ships every third hour was found after five refusals, most
// of a day later. One is enough, if its status says that the next PUT will be refused, too.
func TestOneRefusalOfASlowHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		host   string
		status int32
		want   []string
	}{
		{"its version is not accepted", "slow", 412, []string{"slow rejected 12"}},
		{"it sends no commit", "slow", 400, []string{"slow rejected 12"}},
		{"its upload was torn", "slow", 422, nil},
		{"the receiver is busy", "slow", 503, nil},
		{"a fast host will try again soon", "fast", 412, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.every(180, 5*days+30, 30, "slow")
			f.every(10, 5*days, 12, "fast")
			f.puts(c.host, 1, now-12*store.Minute, c.status)
			f.expect(0, c.want...)
		})
	}
}

// TestASlowHostOfABadRelease: a slow host whose first PUT after a bad release came later than an
// hour was said beside the group, and it was said again when the group was well, although it had
// sent nothing since.
func TestASlowHostOfABadRelease(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.every(180, 5*days+60, 60, "slow")
	f.every(10, 5*days, -400, "well-1", "well-2")
	three := []string{"lab-1", "lab-2", "lab-3"}
	f.every(10, 5*days, 10, three...)
	refuse := func(minute int64, hosts ...string) {
		for i, host := range hosts {
			f.puts(host, 1, now+minute*store.Minute+int64(i)*store.Second, 412)
		}
	}
	for m := int64(0); m < 160; m += 10 {
		refuse(m, three...)
	}
	f.b.Now = now + 130*store.Minute
	refuse(120, "slow")
	f.expect(60, "(group) group-rejected 60", "lab-1 rejected 60 explained", "lab-2 rejected 59 explained", "lab-3 rejected 59 explained")
	f.expect(135, "(group) group-rejected 135", "lab-1 rejected 135 explained", "lab-2 rejected 134 explained", "lab-3 rejected 134 explained",
		"slow rejected 15 explained")
	f.every(10, -160, -400, three...)
	for m := int64(165); m <= 195; m += 5 {
		f.b.Now = now + m*store.Minute
		f.save()
		f.follow(detect.DefaultThresholds(), detect.Sources{}, f.b.Now)
	}
	f.expect(200)
	refuse(300, "slow")
	f.expect(310, "slow rejected 190")
}

// TestAHostThatPausesIsFlapping: only hosts that ship six times an hour or less could be flapping. A
// host that ships each five minutes and pauses for half an hour a day was never found.
func TestAHostThatPausesIsFlapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		interval int64
		usual    int64 // the pause of each day, in minutes
		pause    int64 // of each 70 minutes, at last
		refused  bool  // it PUT in vain in these pauses
		want     []string
	}{
		{"each five minutes", 5, 25, 35, false, []string{"lab-1 flapping 327"}},
		{"each twenty minutes", 20, 20, 40, false, []string{"lab-1 flapping 322"}},
		{"its pauses are those of a restart", 5, 25, 10, false, nil},
		{"its pauses are usual", 20, 110, 40, false, nil},
		{"it PUTs in vain meanwhile", 5, 25, 35, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.every(5, 5*days, -20, "well-1", "well-2", "well-3")
			for day := int64(5); day > 0; day-- {
				pause := day*days - 500 - day*80 // not at the same hour
				f.every(c.interval, day*days+400, pause, "lab-1")
				f.every(c.interval, pause-c.usual, (day-1)*days+400, "lab-1")
			}
			for m := int64(400); m > c.pause; m -= 70 {
				f.every(c.interval, m, max(m-70+c.pause, 0), "lab-1")
				if c.refused && m > 70 {
					f.puts("lab-1", 6, now-(m-70+c.pause-5)*store.Minute, 422)
				}
			}
			f.save()
			f.follow(detect.DefaultThresholds(), detect.Sources{}, now-405*store.Minute) // it learns the rhythms
			f.expect(12, c.want...)
		})
	}
}
