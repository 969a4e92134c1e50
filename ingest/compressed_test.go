package ingest_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	xzMagic = "\xfd7zXZ\x00"
	// skippable is a frame that zstd passes over.
	skippable = "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
)

// longZstd is what zstd --long=N makes of a stream whose length it does not know.
func longZstd(t testing.TB, window int, content string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(content))
	w.Flush()
	w.Write([]byte("\n"))
	w.Close()
	return b.String()
}

// TestACompressedFileIsToldByItsFirstBytes: by its name, it was read as text, or
// not at all.
func TestACompressedFileIsToldByItsFirstBytes(t *testing.T) {
	t.Parallel()
	old := ship(1) + ship(2) + ship(3)
	gz, zst := compressed(t, ".gz", old), compressed(t, ".zst", old)
	const whole, gap = "h1 h2 h3 h4|", "h1 h2 h4|rotated-away"
	for name, test := range map[string]struct{ content, want string }{
		"index.jsonl.1.GZ":                {gz, whole},
		"index.jsonl.gz.1":                {gz, whole},
		"index.jsonl.1zip":                {gz, whole},
		"index.jsonl.1.gzip":              {gz, whole},
		"index.jsonl.1":                   {gz, whole},
		"index.jsonl-20260501":            {zst, whole},
		"index.jsonl.1.zstd":              {zst, whole},
		"index.jsonl.1.gz":                {zst, whole},
		"index-20260501.jsonl.gzip":       {gz, whole},
		"index-20260501.jsonl.ZST":        {zst, whole},
		"index.jsonl.1.packed":            {skippable + zst, whole},
		"index.jsonl.2.packed":            {zst + skippable, whole},
		"index.jsonl.1.members":           {compressed(t, ".gz", ship(1)) + compressed(t, ".gz", "") + compressed(t, ".gz", ship(2)+ship(3)), whole},
		"index.jsonl.1.padded.gz":         {gz + strings.Repeat("\x00", 70_000), whole},
		"index.jsonl.1.padded-between.gz": {compressed(t, ".gz", ship(1)+ship(2)) + strings.Repeat("\x00", 511) + compressed(t, ".gz", ship(3)), whole},
		"index.jsonl.1.frames":            {compressed(t, ".zst", ship(1)) + compressed(t, ".zst", ship(2)+ship(3)), whole},
		// What follows may be a member that is damaged.
		"index.jsonl.1.followed.gz": {gz + ship(8), whole + "rotated-away"},
		"index.jsonl.1.cut":         {gz[:len(gz)-6], whole + "rotated-away"},
		"index.jsonl.1.cut.zst":     {zst[:len(zst)-2], whole + "rotated-away"},
		"index.jsonl.1.XZ":          {xzMagic + old, gap},
		"index.jsonl-1":             {xzMagic + old, gap},
		"index.jsonl.1.bz":          {"BZh91AY&SY" + old, gap},
		"index.jsonl.1.z":           {"\x1f\x9d\x90" + old, gap},
		"index.jsonl.1.archive":     {"PK\x03\x04" + old, gap},
		"index.jsonl.1.lz4":         {"\x04\x22\x4d\x18" + old, gap},
		"index.jsonl.1.lzma":        {"\x5d\x00\x00\x80\x00" + old, gap},
		"index.jsonl.1.zeros.gz":    {strings.Repeat("\x00", 300), gap},
		"index.jsonl.1.empty.gz":    {"", gap},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newIndexDir(t)
			d.write("index.jsonl", ship(1), ship(2))
			d.read()
			d.rename("index.jsonl", "away")
			d.write(name, test.content)
			later := time.Now().Add(time.Second)
			d.written(name, later)
			d.write("index.jsonl", ship(4))
			expect(t, "then", d.read(), test.want)
			expect(t, "once more", d.read(), test.want)
			expect(t, "quarantine", strings.Join(rows(t, d.s, "SELECT reason FROM quarantine_log"), " "), "")
		})
	}
}

// TestAWindowOfZstd: one of more than 32 MiB was refused. 128 MiB is what
// zstd --long=27 makes, and what zstd(1) takes without a word.
func TestAWindowOfZstd(t *testing.T) {
	t.Parallel()
	for window, want := range map[int]string{64 << 20: "h1 h2 h3|", 128 << 20: "h1 h2 h3|", 256 << 20: "h1 h3|rotated-away"} {
		d := newIndexDir(t)
		d.write("index.jsonl", ship(1))
		d.read()
		d.rename("index.jsonl", "away")
		d.write("index.jsonl.1.zst", longZstd(t, window, ship(1)+strings.TrimSuffix(ship(2), "\n")))
		later := time.Now().Add(time.Second)
		d.written("index.jsonl.1.zst", later)
		d.write("index.jsonl", ship(3))
		expect(t, "then", d.read(), want)
	}
}

// TestTheIndexItselfIsText, whatever it begins with: what the receiver adds to it
// is read.
func TestTheIndexItselfIsText(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", compressed(t, ".gz", ship(1)), "\n", ship(2))
	expect(t, "ships", d.read(), "h2|")
}

// TestAFileThatIsBeingCompressedUnderAnotherName: its lines are all there, and a
// gap said that some may be missing; but of a copy that has less, nothing is said.
func TestAFileThatIsBeingCompressedUnderAnotherName(t *testing.T) {
	t.Parallel()
	for _, size := range []int{3, 15, 0} {
		d := newIndexDir(t)
		d.write("index.jsonl", ship(1))
		d.read()
		d.append("index.jsonl", ship(2), ship(3))
		d.rotate("index.jsonl.1", ship(4))
		whole := compressed(t, ".gz", ship(1)+ship(2)+ship(3))
		name := "index.jsonl.1.GZ"
		if size == 0 {
			name, size = "index.jsonl.packed", len(whole)-9
		}
		d.write(name, whole[:size])
		expect(t, name, d.read(), "h1 h2 h3 h4|")
	}
	d := newIndexDir(t)
	d.write("index.jsonl", ship(1))
	d.read()
	d.rename("index.jsonl", "away")
	d.write("index.jsonl.copy", ship(1))
	d.written("index.jsonl.copy", time.Now().Add(-time.Hour))
	whole := compressed(t, ".gz", ship(1)+ship(2))
	d.write("index.jsonl.packed", whole[:len(whole)-9])
	d.write("index.jsonl", ship(4))
	expect(t, "beside a copy", d.read(), "h1 h2 h4|rotated-away")
	// Nor of one that is not read itself, however much it has: lines were lost so.
	for _, name := range []string{"index-copy.txt", "indexes", "index"} {
		d := newIndexDir(t)
		d.write("index.jsonl", ship(1))
		d.read()
		d.rename("index.jsonl", "away")
		d.write(name, ship(1), ship(2), ship(3))
		whole := compressed(t, ".gz", ship(1)+ship(2)+ship(3))
		d.write("index.jsonl.1.gz", whole[:len(whole)-9])
		d.write("index.jsonl", ship(4))
		if got := d.read(); !strings.HasSuffix(got, "|rotated-away") {
			t.Errorf("beside %s: %s, want a gap", name, got)
		}
	}
}
