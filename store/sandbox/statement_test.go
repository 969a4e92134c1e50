package sandbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"
)

func TestParseStatement(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		text   string
		params []string
	}{
		"SELECT 1":                                {"SELECT 1", nil},
		" ;\n-- :a\nSELECT :b; /* :c */ ; --":     {"SELECT :b", []string{"b"}},
		"SELECT :a, @b, $c, :a, #d":               {"SELECT :a, @b, $c, :a, #d", []string{"a", "b", "c", "d"}},
		"SELECT ':a''', \":b\", [:c], `:d` /* :e": {"SELECT ':a''', \":b\", [:c], `:d` /* :e", nil},
		"SELECT x':a', a$b, 1e5, $a::b(c):d":      {"SELECT x':a', a$b, 1e5, $a::b(c):d", []string{"a::b(c)", "d"}},
		"SELECT '; -- ' /**/ -- '\n, /*/*/ :x;":   {"SELECT '; -- ' /**/ -- '\n, /*/*/ :x", []string{"x"}},
		"SELECT - -1 / 2 -> :größe":               {"SELECT - -1 / 2 -> :größe", []string{"größe"}},
	} {
		st, err := ParseStatement(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want.params, st.Params); st.text != want.text || diff != "" {
			t.Errorf("%q is %q, want %q; parameters (-want +got):\n%s", text, st.text, want.text, diff)
		}
	}
	for _, text := range []string{"", " \n", ";", "-- a", "/* a", "SELECT 1; SELECT 2", "SELECT 1; x", "SELECT ?", "SELECT ?1", "SELECT :a, $1", "SELECT 1\x00"} {
		if st, err := ParseStatement(text); !errors.Is(err, ErrQuery) {
			t.Errorf("%q gave %v and %v, want %v", text, st, err, ErrQuery)
		}
	}
}

// FuzzStatement compares the tokenizer with SQLite's, for texts that SQLite accepts. The
// parameters must be exactly those that SQLite asks for. Text after the statement must run
// in SQLite if and only if ParseStatement sees a second statement.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "SELECT :a, @b, $c::d(e), #f", "SELECT ':a''b', \":c\"\"\", [:d], `:e` -- :f\n, :g",
		"SELECT x'00' /* :a */ /**/ /*/ :b */", ";\n-- c\n;SELECT 1;", "SELECT 'unended", "SELECT 1 /* unended", "SELECT 1 --",
		"SELECT a$b, :a FROM (SELECT 1 AS a$b)", "\uFEFFSELECT 1;\uFEFF", "SELECT 1e5, 0x1f, 1_000, .5", "SELECT 1 \v;\v", "SELECT '[' , \"'\" , :x",
		"SELECT a->>:b FROM (SELECT 1 AS a)", "SELECT 1::x", "VALUES (:a)(:b)", "SELECT :a, $1", "SELECT :a /*"} {
		f.Add(seed)
	}
	db, err := sql.Open("sqlite", "file::memory:")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	f.Fuzz(func(t *testing.T, text string) {
		st, err := ParseStatement(text)
		if err != nil {
			return
		}
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		const marker = "sqlite_source_id"
		behind := false
		authorize := func(action sqlite.AuthorizerActionCode, _, name, _, _ string) sqlite.AuthorizerReturnCode {
			switch {
			case action == sqlite.AuthFunction && name == marker:
				behind = true
			case !slices.Contains([]sqlite.AuthorizerActionCode{sqlite.AuthSelect, sqlite.AuthFunction}, action):
				return sqlite.AuthorizerDeny
			}
			return sqlite.AuthorizerOK
		}
		err = conn.Raw(func(c any) error {
			if err := c.(sqlite.AuthorizerRegisterer).RegisterAuthorizer(authorize); err != nil {
				return err
			}
			// A query may run forever, or the machine may be busy. Then the answer is not known.
			wants := func(text string, params []string) (more, known bool) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var args []driver.NamedValue
				for i, name := range params {
					args = append(args, driver.NamedValue{Name: name, Ordinal: i + 1})
				}
				rows, err := c.(driver.QueryerContext).QueryContext(ctx, text, args)
				if err == nil {
					rows.Close()
				}
				var e *sqlite.Error // the driver's own errors have another type
				return err != nil && !errors.As(err, &e), ctx.Err() == nil
			}
			if _, err := c.(interface {
				ColumnInfo(string) ([]sqlite.ColumnInfo, error)
			}).ColumnInfo(st.text); err != nil {
				return nil // no SQL
			}
			if strings.Contains(text, marker) {
				return nil
			}
			if more, known := wants(st.text, st.Params); known && more {
				t.Errorf("%q wants more than %q", st.text, st.Params)
			}
			for i, name := range st.Params {
				if more, known := wants(st.text, slices.Delete(slices.Clone(st.Params), i, i+1)); known && !more {
					t.Errorf("%q does not want %q", st.text, name)
				}
			}
			behindIt := text + "\n;SELECT " + marker + "()"
			_, err := ParseStatement(behindIt)
			if _, known := wants(behindIt, st.Params); behind != (err != nil) && (known || behind) {
				t.Errorf("%q: SQLite has run what stands behind it: %v; it was refused: %v", text, behind, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
