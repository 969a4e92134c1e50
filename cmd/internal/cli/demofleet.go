package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store/isotime"
)

// demoHost is a host of the demo. Its times are minutes from demoNow, so those before
// it are negative; 0 means never.
type demoHost struct {
	name               string
	silentFrom, backAt int   // it sends nothing between these times
	failFrom           int   // its PUTs get the codes from then on
	codes              []int // in turn
	unstamped          bool  // the codes are 400s for a missing header
	updateAt           int   // it ships from another code commit from then on
	naps               bool  // it is known from demoStart on, and pauses twice a day until the last day
}

var demoFleet = []demoHost{
	{name: "lab-01"}, {name: "lab-02"}, {name: "lab-03"}, {name: "lab-04"},
	{name: "lab-05", silentFrom: -47, backAt: 1},
	{name: "lab-06", failFrom: -95, codes: []int{412, 412, 412, 500}, updateAt: -109},
	{name: "lab-07", failFrom: -40, codes: []int{400}, unstamped: true},
	{name: "lab-08", silentFrom: -300, backAt: -20, naps: true},
}

// Times of the demo, in minutes. Its fleet is known for a day, and a host that naps from demoStart on.
const (
	demoDay   = 24 * 60
	demoStart = -8 * demoDay // from demoNow
	napEvery  = 12 * 60
	napFrom   = 3 * 60 // after demoStart
	napLasts  = 40
)

// demoPasses returns when passes run, in minutes from demoNow: in the first naps, after them and
// after the hold time; and every five minutes at the end.
func demoPasses() (minutes []int) {
	for nap := range 4 {
		for _, after := range []int{napLasts - 6, napLasts + 5, napLasts + 20} {
			minutes = append(minutes, demoStart+nap*napEvery+napFrom+after)
		}
	}
	return append(minutes, -15, -10, -5, 0)
}

// sends reports whether a host sends something at a time in minutes from demoNow.
func (h *demoHost) sends(minute int) bool {
	if minute < -demoDay {
		return h.naps && (minute-demoStart-napFrom+napEvery)%napEvery >= napLasts
	}
	return h.silentFrom == 0 || minute < h.silentFrom || minute >= h.backAt
}

// demoOutage is the time from which on the receiver answers everybody with 500, in minutes
// from demoNow.
const demoOutage = -11

// demoTraceback is what the receiver says of such a PUT, in lines.
var demoTraceback = []string{
	"ERROR:    Exception in ASGI application",
	"Traceback (most recent call last):",
	`  File "/opt/cis490/receiver/app.py", line 88, in put_episode`,
	"    out.write(chunk)",
	"OSError: [Errno 28] No space left on device",
}

// fleetWriter writes the index and the journal of the demo's fleet, as it goes on.
type fleetWriter struct {
	index, journal string // paths
	random         *rand.Rand
	early          *rand.Rand // for what came before the last day
	minute         int        // from demoNow; what came before it is written
	entries        int
	rows, dump     strings.Builder // of the index and the journal
}

// writeUntil appends what the hosts send until a time in minutes from demoNow. A host sends
// up to 80 seconds after its minute.
func (w *fleetWriter) writeUntil(minute int) error {
	w.rows.Reset()
	w.dump.Reset()
	for ; w.minute < minute-1; w.minute += 2 {
		for i, h := range demoFleet {
			if h.sends(w.minute) {
				w.put(i, h)
			}
		}
	}
	return errors.Join(appendText(w.index, w.rows.String()), appendText(w.journal, w.dump.String()))
}

// put writes a PUT of a host, and its row in the index if it is accepted.
func (w *fleetWriter) put(i int, h demoHost) {
	random := w.random
	if w.minute < -demoDay {
		random = w.early
	}
	at := demoNow.Add(time.Duration(w.minute)*time.Minute + time.Duration(i*10)*time.Second + time.Duration(random.IntN(9_000_000))*time.Microsecond)
	status := 200
	switch {
	case w.minute >= demoOutage:
		status = 500
	case h.failFrom != 0 && w.minute >= h.failFrom:
		status = h.codes[(w.minute-h.failFrom)/2%len(h.codes)]
	}
	commit := "4f1c2a9"
	if h.updateAt != 0 && w.minute >= h.updateAt {
		commit = "8be20d1"
	}
	if status == 200 {
		fmt.Fprintf(&w.rows, `{"host_id": %q, "received_at_wall": %q, "code_commit": %q, "episode": "ep-%06d", "bytes": %d}`+"\n",
			h.name, isotime.Format(at.UnixMicro()), commit, w.entries, 40_000+random.IntN(9_000_000))
	}
	if h.unstamped && status == 400 {
		w.say(at, fmt.Sprintf("WARNING rejected PUT host=%s, missing X-Cis490-Code-Commit", h.name))
	}
	w.say(at, fmt.Sprintf(`INFO:     10.0.0.%d:50000 - "PUT /v1/episodes/%s/ep-%06d.tar.zst HTTP/1.1" %d`, i+1, h.name, w.entries, status))
	if w.minute >= demoOutage {
		for n, line := range demoTraceback {
			w.say(at.Add(time.Duration(n+1)*time.Microsecond), line)
		}
	}
}

// say writes an entry of the receiver to the journal.
func (w *fleetWriter) say(at time.Time, message string) {
	w.entries++
	fmt.Fprintf(&w.dump, "__CURSOR=s=%032x;i=%x\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032x\n",
		1, w.entries, at.UnixMicro(), w.entries, 2)
	fmt.Fprintf(&w.dump, "_SYSTEMD_UNIT=cis490-receiver.service\nPRIORITY=6\nMESSAGE=%s\n\n", message)
}

// appendText appends a text to a file.
func appendText(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
