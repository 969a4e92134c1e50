package cli

import (
	"testing"

	"github.com/cis490/fleet-health/ingest"
)

func TestReadSourceSaysHowFarTheDetectorsMayJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		result ingest.Result
		held   bool
		readTo int64
	}{
		{"a source that was read to its end is judged as of now", ingest.Result{}, false, 0},
		{"a backlog is judged as of the time that was reached", ingest.Result{Capped: true, ReadTo: 5}, false, 5},
		{"a backlog without such a time is not judged", ingest.Result{Capped: true}, true, 0},
	} {
		if got := readSource(c.result); (got.Held != "") != c.held || got.ReadTo != c.readTo || got.Off {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
