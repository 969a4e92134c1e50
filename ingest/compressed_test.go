package ingest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	xzMagic = "\xfd7zXZ\x00"
	// skippable is a zstd frame without content.
	skippable = "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
)

func compressed(t testing.TB, ext, content string) string {
	t.Helper()
	var b bytes.Buffer
	if ext == ".gz" {
		w := gzip.NewWriter(&b)
		w.Write([]byte(content))
		w.Close()
		return b.String()
	}
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

// longZstd compresses like zstd --long=N does with a stream of unknown length.
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

// TestCompressionIsToldByTheFirstBytes: once, the name decided, and the pass read such
// files as text or not at all.
func TestCompressionIsToldByTheFirstBytes(t *testing.T) {
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
		// The bytes after the content may be a damaged member.
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
			d := newReadIndex(t, ship(1), ship(2))
			d.compress(name, test.content)
			d.age(name, -time.Second)
			d.write("index.jsonl", ship(4))
			expect(t, "after the rotation", d.read(), test.want)
			expect(t, "after another pass", d.read(), test.want)
			expect(t, "quarantine", strings.Join(rows(t, d.s, "SELECT reason FROM quarantine_log"), " "), "")
		})
	}
}

// TestZstdWindows: zstd --long=27 makes windows of 128 MiB, and zstd(1) reads them by
// default. Once, the limit was 32 MiB.
func TestZstdWindows(t *testing.T) {
	t.Parallel()
	for window, want := range map[int]string{64 << 20: "h1 h2 h3|", 128 << 20: "h1 h2 h3|", 256 << 20: "h1 h3|rotated-away"} {
		d := newReadIndex(t, ship(1))
		d.compress("index.jsonl.1.zst", longZstd(t, window, ship(1)+strings.TrimSuffix(ship(2), "\n")))
		d.age("index.jsonl.1.zst", -time.Second)
		d.write("index.jsonl", ship(3))
		expect(t, fmt.Sprint("window of ", window, " bytes"), d.read(), want)
	}
}

// TestTheIndexItselfIsText: the receiver appends text to the index, even if its first
// bytes are those of a compressed file.
func TestTheIndexItselfIsText(t *testing.T) {
	t.Parallel()
	d := newIndexDir(t)
	d.write("index.jsonl", compressed(t, ".gz", ship(1)), "\n", ship(2))
	expect(t, "ships", d.read(), "h2|")
}

// TestAFileThatIsBeingCompressed: the plain file still holds all lines. Once, the pass
// recorded a gap.
func TestAFileThatIsBeingCompressed(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.append("index.jsonl", ship(2))
	d.rotate("index.jsonl.1", ship(3))
	whole := compressed(t, ".gz", ship(1)+ship(2))
	d.write("index.jsonl.1.gz", whole[:len(whole)-9])
	expect(t, "during the compression", d.read(), "h1 h2 h3|")
	d.write("index.jsonl.1.gz", whole)
	d.must(os.Remove(d.path("index.jsonl.1")))
	expect(t, "after the compression", d.read(), "h1 h2 h3|")
}

// TestATornCompressedFileBesideACopy: once, an operator's copy passed for the file being
// compressed, and there was no gap.
func TestATornCompressedFileBesideACopy(t *testing.T) {
	t.Parallel()
	d := newReadIndex(t, ship(1))
	d.append("index.jsonl", ship(2), ship(3))
	d.write("index.jsonl.copy", ship(1), ship(2), ship(3), ship(3))
	d.age("index.jsonl.copy", time.Hour)
	whole := compressed(t, ".gz", ship(1)+ship(2)+ship(3))
	d.compress("index.jsonl.1.gz", whole[:len(whole)-9])
	d.write("index.jsonl", ship(4))
	if got := d.read(); !strings.HasSuffix(got, "h4|rotated-away") {
		t.Errorf("got %q, want a gap", got)
	}
}

// TestAFileThatIsBeingCompressedUnderAnotherName: the plain file may have any name of a
// rotated file. A copy with fewer lines, or a file that no pass reads, must leave a gap.
func TestAFileThatIsBeingCompressedUnderAnotherName(t *testing.T) {
	t.Parallel()
	for _, size := range []int{3, 15, 0} {
		d := newReadIndex(t, ship(1))
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
	d := newReadIndex(t, ship(1))
	d.write("index.jsonl.copy", ship(1))
	d.age("index.jsonl.copy", time.Hour)
	whole := compressed(t, ".gz", ship(1)+ship(2))
	d.compress("index.jsonl.packed", whole[:len(whole)-9])
	d.write("index.jsonl", ship(4))
	expect(t, "beside a copy", d.read(), "h1 h2 h4|rotated-away")
	for _, name := range []string{"index-copy.txt", "indexes", "index"} {
		d := newReadIndex(t, ship(1))
		d.write(name, ship(1), ship(2), ship(3))
		whole := compressed(t, ".gz", ship(1)+ship(2)+ship(3))
		d.compress("index.jsonl.1.gz", whole[:len(whole)-9])
		d.write("index.jsonl", ship(4))
		if got := d.read(); !strings.HasSuffix(got, "|rotated-away") {
			t.Errorf("beside %s: %s, want a gap", name, got)
		}
	}
}
