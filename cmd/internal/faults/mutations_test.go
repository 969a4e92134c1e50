package faults

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
)

// pageSize is the page size of a new database, in bytes.
const pageSize = 4096

// sound is an undamaged database. It has the numbers of the pages of each kind, from 1 on.
type sound struct {
	content []byte
	pages   map[string][]int
}

// soundDatabase sorts the pages of the database in dir.
func soundDatabase(t *testing.T, dir string) *sound {
	t.Helper()
	content, err := os.ReadFile(dir + "/fleet.db")
	if err != nil {
		t.Fatal(err)
	}
	b := &sound{content, map[string][]int{"map": {2}}}
	used := map[int]bool{1: true, 2: true}
	for line := range strings.Lines(fleettest.Asked(t, dir, "SELECT name || ' ' || pagetype || ' ' || pageno FROM dbstat")) {
		var name, kind string
		var page int
		if n, _ := fmt.Sscan(line, &name, &kind, &page); n < 3 {
			continue
		}
		if name == "sqlite_schema" {
			kind = "schema"
		}
		b.pages[kind] = append(b.pages[kind], page)
		used[page] = true
	}
	for page := 1; page <= len(content)/pageSize; page++ {
		if !used[page] {
			b.pages["free"] = append(b.pages["free"], page)
		}
	}
	for _, kind := range []string{"map", "schema", "internal", "leaf", "free"} {
		if len(b.pages[kind]) == 0 {
			t.Fatalf("no page of the database is %s: %v", kind, b.pages)
		}
	}
	return b
}

// mutation damages the database in dir, which has the content of sound.
type mutation struct {
	name    string
	do      func(r *rand.Rand, b *sound, dir string) error
	foreign bool // the result must be refused, because it is neither a database of this program nor a new one
}

func foreign(m mutation) mutation {
	m.foreign = true
	return m
}

// changed returns a mutation that only changes the content.
func changed(name string, change func(r *rand.Rand, b *sound, content []byte) []byte) mutation {
	return mutation{name: name, do: func(r *rand.Rand, b *sound, dir string) error {
		return os.WriteFile(dir+"/fleet.db", change(r, b, bytes.Clone(b.content)), 0o640)
	}}
}

// flipped returns a mutation that flips one to eight bits in a page.
func flipped(kind string) mutation {
	return changed("bits of a page: "+kind, func(r *rand.Rand, b *sound, content []byte) []byte {
		page := b.page(r, kind)
		for range 1 + r.IntN(8) {
			content[(page-1)*pageSize+r.IntN(pageSize)] ^= 1 << r.IntN(8)
		}
		return content
	})
}

func (b *sound) page(r *rand.Rand, kind string) int { return b.pages[kind][r.IntN(len(b.pages[kind]))] }

func (b *sound) any(r *rand.Rand) int { return 1 + r.IntN(len(b.content)/pageSize) }

// beside returns a mutation that replaces the database or one of its files.
func beside(name, suffix string, content func(r *rand.Rand) []byte) mutation {
	return mutation{name: name, do: func(r *rand.Rand, _ *sound, dir string) error {
		return os.WriteFile(dir+"/fleet.db"+suffix, content(r), 0o640)
	}}
}

func noise(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(20*pageSize))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// otherDatabase returns a mutation that replaces the file with the suffix by that of another
// program's database, which has a log.
func otherDatabase(name, suffix string, statements ...string) mutation {
	return mutation{name: name, do: func(r *rand.Rand, _ *sound, dir string) (err error) {
		other := filepath.Join(dir, "other.db")
		db, err := sql.Open("sqlite", "file:"+other)
		if err != nil {
			return err
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		for _, statement := range append([]string{"PRAGMA journal_mode = WAL", "CREATE TABLE letters (a TEXT)"}, statements...) {
			if _, err := db.Exec(statement); err != nil {
				return err
			}
		}
		content, err := os.ReadFile(other + suffix)
		if err != nil {
			return err
		}
		return os.WriteFile(dir+"/fleet.db"+suffix, content, 0o640)
	}}
}

// mutations are the kinds of damage.
var mutations = []mutation{
	changed("bits of the header", func(r *rand.Rand, _ *sound, content []byte) []byte {
		for range 1 + r.IntN(3) {
			content[r.IntN(100)] ^= 1 << r.IntN(8)
		}
		return content
	}),
	flipped("map"), flipped("schema"), flipped("internal"), flipped("leaf"), flipped("free"), flipped("leaf"), flipped("schema"),
	changed("one bit of it", func(r *rand.Rand, b *sound, content []byte) []byte {
		content[r.IntN(len(content))] ^= 1 << r.IntN(8)
		return content
	}),
	changed("a row's text", func(r *rand.Rand, b *sound, content []byte) []byte {
		names := []string{"ship", "hour", "host", "lab-", "index", "journal"}
		name := names[r.IntN(len(names))]
		if at := places(content, name); len(at) > 0 {
			content[at[r.IntN(len(at))]+r.IntN(len(name))] ^= 1 << r.IntN(8)
		}
		return content
	}),
	changed("cut to nothing", func(*rand.Rand, *sound, []byte) []byte { return nil }),
	foreign(changed("cut in the header", func(r *rand.Rand, _ *sound, content []byte) []byte { return content[:1+r.IntN(99)] })),
	changed("cut in a page", func(r *rand.Rand, b *sound, content []byte) []byte { return content[:100+r.IntN(len(content)-100)] }),
	changed("cut between pages", func(r *rand.Rand, b *sound, content []byte) []byte { return content[:b.any(r)*pageSize] }),
	changed("longer", func(r *rand.Rand, _ *sound, content []byte) []byte { return append(content, noise(r)...) }),
	changed("a page of zeros", func(r *rand.Rand, b *sound, content []byte) []byte {
		page := b.any(r)
		clear(content[(page-1)*pageSize : page*pageSize])
		return content
	}),
	changed("two pages swapped", func(r *rand.Rand, b *sound, content []byte) []byte {
		one, other := b.any(r), b.any(r)
		copy(content[(one-1)*pageSize:one*pageSize], b.content[(other-1)*pageSize:other*pageSize])
		copy(content[(other-1)*pageSize:other*pageSize], b.content[(one-1)*pageSize:one*pageSize])
		return content
	}),
	foreign(beside("a text", "", func(r *rand.Rand) []byte { return bytes.Repeat([]byte("host lab-0 is silent\n"), 1+r.IntN(100)) })),
	foreign(beside("a compressed file", "", func(r *rand.Rand) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(noise(r))
		w.Close()
		return b.Bytes()
	})),
	foreign(beside("noise", "", noise)),
	beside("noise for a log", "-wal", noise),
	beside("noise for the log's index", "-shm", noise),
	foreign(otherDatabase("another program's database", "", "PRAGMA wal_checkpoint(TRUNCATE)")),
	otherDatabase("another program's log", "-wal"),
	foreign(otherDatabase("an empty database of another application", "", "DROP TABLE letters", "PRAGMA application_id = 7", "PRAGMA wal_checkpoint(TRUNCATE)")),
	foreign(changed("another application's number", func(r *rand.Rand, _ *sound, content []byte) []byte {
		binary.BigEndian.PutUint32(content[68:], r.Uint32())
		return content
	})),
	foreign(mutation{name: "a directory", do: func(_ *rand.Rand, _ *sound, dir string) error {
		if err := os.Remove(dir + "/fleet.db"); err != nil {
			return err
		}
		return os.Mkdir(dir+"/fleet.db", 0o750)
	}}),
}

// places returns the offsets of a text.
func places(content []byte, text string) (at []int) {
	for from := 0; ; {
		n := bytes.Index(content[from:], []byte(text))
		if n < 0 {
			return at
		}
		at = append(at, from+n)
		from += n + 1
	}
}
