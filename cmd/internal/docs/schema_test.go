package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/sandbox"
	"github.com/google/go-cmp/cmp"
)

// formOf matches the values of each unit.
var formOf = map[string]*regexp.Regexp{
	"text, UTC to the microsecond":     regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`),
	"text, UTC on the hour":            regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:00:00Z$`),
	"integer, hours since 1970":        regexp.MustCompile(`^4\d{5}$`),
	"integer, microseconds since 1970": regexp.MustCompile(`^\d{16}$`),
	"integer, seconds":                 regexp.MustCompile(`^\d+$`),
	"integer, an id":                   regexp.MustCompile(`^\d+$`),
	"integer, 0 or 1":                  regexp.MustCompile(`^[01]$`),
	"integer, a count":                 regexp.MustCompile(`^\d+$`),
	"integer, an HTTP status":          regexp.MustCompile(`^[1-5]\d\d$`),
	"integer, bytes":                   regexp.MustCompile(`^\d+$`),
	"text, hexadecimal":                regexp.MustCompile(`^[0-9a-fA-F]+$`),
	"text":                             regexp.MustCompile(`.`),
}

// TestTheSchemaIsThatOfTheDatabase compares the views and columns, their order, and the form
// of their values.
func TestTheSchemaIsThatOfTheDatabase(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	e := fleettest.Env(fleettest.Now, os.Stderr)
	e.Stdout = &stdout
	if code := cli.Run(t.Context(), []string{"schema", "--format", "json"}, e); code != cli.ExitOK {
		t.Fatalf("exit %d", code)
	}
	var shown []struct {
		View, Column, Unit, Meaning string
		Example                     any
	}
	numbers := json.NewDecoder(&stdout)
	numbers.UseNumber()
	if err := numbers.Decode(&shown); err != nil {
		t.Fatal(err)
	}
	db := troubledFleet(t)
	// No host of the demo's fleet is over quota, its unit does not change, no operator did
	// anything, and nothing was sent.
	s, err := store.Open(t.Context(), db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec("INSERT INTO surplus SELECT 29627274, id, 401, 1, 1200, 1777636455000000 FROM hosts LIMIT 1")
		if err == nil {
			_, err = tx.Exec("INSERT INTO unit_states VALUES (1777636455000000, 1, 1, 'started', 'Started cis490-receiver.service.')")
		}
		if err == nil {
			_, err = tx.Exec("INSERT INTO operator_acts VALUES (1, 1777636455000000, 'ack', 1, NULL, 1777639455000000, 'alice', 'new disk', NULL, NULL, NULL)," +
				" (2, 1777636455000000, 'retire', NULL, 'lab-05', NULL, 'alice', 'scrapped', NULL, NULL, NULL)," +
				" (3, 1777636455000000, 'set', NULL, 'lab-05', NULL, 'alice', 'it has no rhythm', 'overdue', 0, 'off')")
		}
		if err == nil {
			_, err = tx.Exec("INSERT INTO sinks (id, url_key, label, added_at, event_id, seen_at) VALUES (1, 'k', 'https://hooks.example/…', 0, 0, 0)")
		}
		if err == nil {
			_, err = tx.Exec("INSERT INTO deliveries SELECT 1, MIN(id), 0, 'delivered', 1, 2, 'it did not answer in time', 1777636456000000 FROM incident_events")
		}
		return err
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	columnsOf := map[string][]string{}
	for _, c := range shown {
		columnsOf[c.View] = append(columnsOf[c.View], c.Column)
	}
	views := column(t, db, "SELECT name FROM sqlite_schema WHERE type = 'view'")
	if len(views) != len(columnsOf) {
		t.Errorf("it shows %d views, and there are %v", len(columnsOf), views)
	}
	for _, view := range views {
		if diff := cmp.Diff(column(t, db, fmt.Sprintf("SELECT name FROM pragma_table_info('%s') ORDER BY cid", view)), columnsOf[view]); diff != "" {
			t.Errorf("columns of %s (-database +schema):\n%s", view, diff)
		}
	}
	for _, c := range shown {
		values := column(t, db, fmt.Sprintf("SELECT %s FROM %s", c.Column, c.View))
		kind, _, _ := strings.Cut(c.Unit, ",")
		if kinds := column(t, db, fmt.Sprintf("SELECT DISTINCT typeof(%s) FROM %s ORDER BY 1", c.Column, c.View)); len(kinds) == 0 ||
			slices.ContainsFunc(kinds, func(k string) bool { return k != kind && k != "null" }) {
			t.Errorf("%s.%s is %v, not %s", c.View, c.Column, kinds, c.Unit)
		} else if slices.Contains(kinds, "null") && !strings.Contains(c.Meaning, "NULL") {
			t.Errorf("%s.%s has NULL, which its meaning does not tell: %s", c.View, c.Column, c.Meaning)
		}
		for _, value := range append(values, fmt.Sprint(c.Example)) {
			if form := formOf[c.Unit]; form == nil || !form.MatchString(value) {
				t.Errorf("%s.%s has %q, which is not: %s", c.View, c.Column, value, c.Unit)
				break
			}
		}
		if _, isNumber := c.Example.(json.Number); isNumber != (kind == "integer") {
			t.Errorf("the example of %s.%s is %v, not %s", c.View, c.Column, c.Example, c.Unit)
		}
	}
}

// column returns the values of a query with one column as text, without NULL.
func column(t *testing.T, db, text string) (values []string) {
	t.Helper()
	statement, err := sandbox.ParseStatement(text)
	if err != nil {
		t.Fatal(err)
	}
	err = sandbox.Query{Statement: statement}.Run(t.Context(), db, func([]string) error { return nil }, func(row []any) error {
		if row[0] != nil {
			values = append(values, fmt.Sprint(row[0]))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return values
}
