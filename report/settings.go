package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cis490/fleet-health/store"
)

var settingColumns = []column[store.Setting]{
	{key: "host", head: "host", cut: 12, of: func(s store.Setting) value { return s.Host }},
	{key: "setting", head: "setting", of: func(s store.Setting) value { return s.Name }},
	{key: "value", head: "value", of: func(s store.Setting) value { return s.Typed }},
	{key: "set_at", head: "since", of: func(s store.Setting) value { return timestamp(s.At) }},
	{key: "who", head: "who", drop: 2, of: func(s store.Setting) value { return s.Who }},
	{key: "note", head: "note", drop: 1, of: func(s store.Setting) value { return s.Note }},
}

// Settings writes the thresholds that hold for hosts at a time in microseconds, of some hosts, or
// of all if none is named.
func Settings(tx *store.Tx, out io.Writer, s Style, hosts []string, at int64) error {
	list, err := tx.Settings("", at)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s store.Setting) bool { return len(hosts) > 0 && !slices.Contains(hosts, s.Host) })
	return render(out, s, document{
		table: tableOfAll(settingColumns, list),
		above: func() (above, error) {
			return above{heading: []string{fmt.Sprintf("%d setting(s)", len(list)), "as of " + s.stamp(at)}}, nil
		},
	})
}

// settingsOf lists the thresholds of a host that differ from those of the pass, in a line; "" for none.
func settingsOf(tx *store.Tx, host string, at int64) (string, error) {
	list, err := tx.Settings(host, at)
	var set []string
	for _, one := range list {
		set = append(set, one.Name+"="+one.Typed)
	}
	return strings.Join(set, " "), err
}
