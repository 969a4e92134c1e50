package histories

import (
	"bytes"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// judgeAgain judges all passes again, and fails if they find something else. What a pass of an
// older version knew is not stored, nor what passes knew of a gap that has grown, or while the
// clock was more than a day ahead.
func (m *machine) judgeAgain() {
	if m.upgraded {
		return
	}
	db := m.operator("ro")
	defer db.Close()
	for _, query := range []string{
		"SELECT 'grown' FROM gaps WHERE reason <> 'source-unread' AND to_at > found_at",
		"SELECT 'ahead' FROM passes AS a JOIN passes AS b ON b.id > a.id AND b.as_of < a.as_of - 86400000000",
	} {
		if len(texts(m, db, query)) > 0 {
			return
		}
	}
	m.again++
	var stdout, stderr bytes.Buffer
	e := fleettest.Env(time.UnixMicro(m.clock), &stderr)
	e.Stdout = &stdout
	code := cli.Run(m.t.Context(), []string{"replay", "--db", m.db(), "--since", "2000-01-01", "--until", "2100-01-01", "--diff", "--format", "json"}, e)
	if code != cli.ExitOK || stdout.String() != "[]\n" {
		m.failf("judged again, exit %d: %s%s", code, stdout.String(), stderr.String())
	}
}
