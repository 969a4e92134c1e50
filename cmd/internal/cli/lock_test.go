package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/cli"
	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"github.com/cis490/fleet-health/store/isotime"
	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// TestRootWritesForNobodyElse: a rebuild without `sudo -u` left a database that belonged
// to root, and each pass of the timer failed until somebody looked.
func TestRootWritesForNobodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		fleettest.Lacks(t, "not root")
	}
	for owner, want := range map[int]string{65534: "`sudo -u nobody`", 54321: "`sudo -u '#54321'`"} {
		for _, command := range []string{
			"pass --db DIR/fleet.db --journal none --index-path DIR/index.jsonl --alerts-path DIR/elsewhere.jsonl",
			"rebuild --db DIR/fleet.db --journal none --index-path DIR/index.jsonl --alerts-path DIR/elsewhere.jsonl",
			"prune --db DIR/fleet.db --before 30d",
			"ack 1 --db DIR/fleet.db",
			"mute a --for 4h --db DIR/fleet.db",
			"retire a --db DIR/fleet.db",
			"alerts export --db DIR/fleet.db --alerts-path DIR/elsewhere.jsonl",
			"backup --db DIR/fleet.db DIR/copy.db",
			"man DIR",
			"demo DIR",
		} {
			dir := t.TempDir()
			if command != "demo DIR" { // demo takes an empty directory
				if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
					t.Fatalf("exit %d\n%s", code, said)
				}
			}
			before := listed(t, dir)
			if err := os.Chown(dir, owner, -1); err != nil {
				t.Fatal(err)
			}
			var stderr strings.Builder
			code := cli.Run(t.Context(), strings.Fields(strings.ReplaceAll(command, "DIR", dir)), fleettest.Env(fleettest.Now, &stderr))
			if said := stderr.String(); code != cli.ExitUsage || !strings.Contains(said, want) {
				t.Errorf("%s: exit %d\n%s", command, code, said)
			}
			if after := listed(t, dir); after != before {
				t.Errorf("%s: there was %s, there is %s", command, before, after)
			}
		}
	}
}

// TestRootWritesWhereOnlyRootMay: a group could write to root's directory, and its
// members swapped the file that root was writing.
func TestRootWritesWhereOnlyRootMay(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		fleettest.Lacks(t, "not root")
	}
	for mode, want := range map[os.FileMode]int{0o775: cli.ExitUsage, 0o757: cli.ExitUsage, 0o755: cli.ExitOK, 0o777 | os.ModeSticky: cli.ExitOK} {
		dir := t.TempDir()
		if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, said)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		code := cli.Run(t.Context(), []string{"backup", "--db", dir + "/fleet.db", dir + "/copy.db"}, fleettest.Env(fleettest.Now, &stderr))
		if code != want {
			t.Errorf("in a directory of mode %s: exit %d, want %d\n%s", mode, code, want, &stderr)
		}
	}
}

// listed returns the files of a directory with their sizes and modification times.
func listed(t *testing.T, dir string) (list string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintln(e.Name(), info.Size(), info.ModTime())
	}
	return list
}

// TestRootWorksNowhereBelowAnotherUser: that user could rename a directory of root's on
// the way, and put a link in its place.
func TestRootWorksNowhereBelowAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		fleettest.Lacks(t, "not root")
	}
	for _, command := range []string{
		"pass --db THEIRS/root/fleet.db --journal none --index-path OURS/index.jsonl --alerts-path OURS/alerts.jsonl",
		"pass --db OURS/new.db --journal none --index-path OURS/index.jsonl --alerts-path THEIRS/alerts.jsonl",
		"pass --db OURS/link/fleet.db --journal none --index-path OURS/index.jsonl --alerts-path OURS/alerts.jsonl",
		"alerts export --rebuild --db OURS/fleet.db --alerts-path THEIRS/root/alerts.jsonl",
		"backup --db OURS/fleet.db THEIRS/root/copy.db",
		"backup --db OURS/fleet.db OURS/link/copy.db",
		"demo THEIRS/root/none/yet",
		"demo THEIRS/none/yet",
		"man THEIRS/root",
	} {
		dir := t.TempDir()
		ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
		for _, path := range []string{ours, theirs, filepath.Join(theirs, "root")} {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if code, said := aPass(t, t.Context(), ours); code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, said)
		}
		if err := os.Symlink(ours, filepath.Join(ours, "link")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{theirs, filepath.Join(ours, "link")} {
			if err := os.Lchown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
		before := listed(t, ours) + listed(t, theirs) + listed(t, theirs+"/root")
		var stderr strings.Builder
		code := cli.Run(t.Context(), strings.Fields(strings.NewReplacer("OURS", ours, "THEIRS", theirs).Replace(command)), fleettest.Env(fleettest.Now, &stderr))
		if said := stderr.String(); code != cli.ExitUsage || !strings.Contains(said, "who could") && !strings.Contains(said, "could lead root elsewhere") {
			t.Errorf("%s: exit %d\n%s", command, code, said)
		}
		if after := listed(t, ours) + listed(t, theirs) + listed(t, theirs+"/root"); after != before {
			t.Errorf("%s: there was %s, there is %s", command, before, after)
		}
	}
}

// TestTheLockIsTheOwnersAlone: the group could read the file, and so take the lock.
func TestTheLockIsTheOwnersAlone(t *testing.T) {
	t.Parallel()
	for _, before := range []os.FileMode{0, 0o640, 0o644, 0o666} {
		dir := t.TempDir()
		lock := filepath.Join(dir, "fleet.db.lock")
		if before != 0 {
			if err := os.WriteFile(lock, nil, before); err != nil {
				t.Fatal(err)
			}
			os.Chmod(lock, before)
		}
		if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, said)
		}
		if info, err := os.Lstat(lock); err != nil || info.Mode() != 0o600 {
			t.Errorf("the lock of mode %v has mode %v (%v)", before, info.Mode(), err)
		}
	}
}

// TestWhatIsNoLockIsRefused tests also that the target of a link keeps its mode.
func TestWhatIsNoLockIsRefused(t *testing.T) {
	t.Parallel()
	for what, put := range map[string]func(path string) error{
		"a link":            func(path string) error { return os.Symlink(path+".target", path) },
		"a link to nothing": func(path string) error { return os.Symlink(path+".nothing", path) },
		"a FIFO":            func(path string) error { return unix.Mkfifo(path, 0o666) },
		"a directory":       func(path string) error { return os.Mkdir(path, 0o777) },
		"a socket":          func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o666, 0) },
	} {
		dir := t.TempDir()
		lock := filepath.Join(dir, "fleet.db.lock")
		if err := os.WriteFile(lock+".target", []byte("kept"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := put(lock); err != nil {
			t.Fatal(err)
		}
		code, said := aPass(t, t.Context(), dir)
		if code != cli.ExitUsage || !strings.Contains(said, "fleet.db.lock is not a regular file; type `sudo rm") {
			t.Errorf("%s: exit %d\n%s", what, code, said)
		}
		if content, err := os.ReadFile(lock + ".target"); err != nil || string(content) != "kept" {
			t.Errorf("%s: the file beside it is %q (%v)", what, content, err)
		}
		if info, err := os.Stat(lock + ".target"); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: the file beside it has mode %v (%v)", what, info.Mode(), err)
		}
		if _, err := os.Lstat(lock + ".nothing"); err == nil {
			t.Errorf("%s was followed", what)
		}
	}
}

// TestAPassThatIsKeptOutForLongFails: whatever process held the lock, each pass left the
// work to it and succeeded.
func TestAPassThatIsKeptOutForLongFails(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for _, c := range []struct {
		name                 string
		database, wal, taken time.Duration // how long ago they were written or taken
		since                time.Duration // how long ago the log puts the last sign of a pass, 0 if it says nothing
	}{
		{"a pass ended a while ago", 14 * minute, 14 * minute, 14 * minute, 0},
		{"a backlog is being stored", 40 * minute, minute, 40 * minute, 0},
		{"the database is being moved back from its log", minute, 40 * minute, 40 * minute, 0},
		{"a pass has just begun after a day without power", 24 * time.Hour, 24 * time.Hour, 0, 0},
		{"the clock went back under a pass", -time.Hour, -time.Hour, minute, 0},
		{"nothing was stored for long", 15 * minute, 16 * minute, 17 * minute, 15 * minute},
		{"nothing was stored for days", 72 * time.Hour, 72 * time.Hour, 72 * time.Hour, 72 * time.Hour},
		{"the clock went back under a pass that hangs", -time.Hour, -time.Hour, 15 * minute, 15 * minute},
	} {
		dir := t.TempDir()
		if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
			t.Fatalf("exit %d\n%s", code, said)
		}
		lock := flock.New(filepath.Join(dir, "fleet.db.lock"))
		if ok, err := lock.TryLock(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		now := time.Now()
		for suffix, ago := range map[string]time.Duration{"": c.database, "-wal": c.wal, ".lock": c.taken} {
			if err := os.Chtimes(filepath.Join(dir, "fleet.db"+suffix), now, now.Add(-ago)); err != nil {
				t.Fatal(err)
			}
		}
		wantCode, want := cli.ExitOK, "INFO another pass is running on "
		if c.since != 0 {
			wantCode = cli.ExitFailed
			want = fmt.Sprintf("WARNING no pass since %s: process %d (", isotime.Format(now.Add(-c.since).UnixMicro()), os.Getpid())
		}
		if code, said := passAt(t.Context(), dir, now); code != wantCode || !strings.Contains(said, want) {
			t.Errorf("%s: exit %d, want %q\n%s", c.name, code, want, said)
		}
		lock.Unlock()
	}
}

// onWrite is a standard error that calls a function at its first line.
type onWrite struct {
	said strings.Builder
	do   func()
}

func (w *onWrite) Write(p []byte) (int, error) {
	if w.said.Len() == 0 {
		w.do()
	}
	return w.said.Write(p)
}

// TestACommandWaitsForThePass: prune, rebuild, alerts export and the commands of operators
// would fail at once while a pass is running, and would have to be typed again.
func TestACommandWaitsForThePass(t *testing.T) {
	t.Parallel()
	for command, kept := range map[string]string{
		"prune --db DIR/fleet.db --before 30d":                      "error: DIR/fleet.db is locked by PROCESS: try again when it has ended",
		"retire a --db DIR/fleet.db":                                "error: DIR/fleet.db is locked by PROCESS: try again when it has ended",
		"alerts export --db DIR/fleet.db --alerts-path DIR/a.jsonl": "error: DIR/fleet.db is locked by PROCESS: try again when it has ended",
		"rebuild --db DIR/fleet.db --journal none --index-path DIR/index.jsonl --alerts-path DIR/a.jsonl": "ERROR DIR/fleet.db is locked by PROCESS: nothing was moved; " +
			"run rebuild again when it has ended",
	} {
		for _, c := range []struct {
			name   string
			most   time.Duration
			meets  func(lock *flock.Flock, signal func()) // while the command waits
			code   int
			locked bool // it says at the end that the lock is held
		}{
			{"the pass ends while the command waits", time.Minute, func(lock *flock.Flock, _ func()) { lock.Unlock() }, cli.ExitOK, false},
			{"the pass does not end in time", time.Millisecond, func(*flock.Flock, func()) {}, cli.ExitFailed, true},
			{"a signal ends the wait", time.Hour, func(_ *flock.Flock, signal func()) { signal() }, cli.ExitFailed, true},
		} {
			dir := t.TempDir()
			if code, said := aPass(t, t.Context(), dir); code != cli.ExitOK {
				t.Fatalf("exit %d\n%s", code, said)
			}
			before := listed(t, dir)
			lock := flock.New(filepath.Join(dir, "fleet.db.lock"))
			if ok, err := lock.TryLock(); !ok || err != nil {
				t.Fatal(ok, err)
			}
			ctx, signal := context.WithCancel(t.Context())
			stderr := &onWrite{do: func() { c.meets(lock, signal) }}
			e := fleettest.Env(fleettest.Now, stderr)
			e.BusyTimeout = c.most
			code := cli.Run(ctx, strings.Fields(strings.ReplaceAll(command, "DIR", dir)), e)
			holder := fmt.Sprintf("process %d (cli.test)", os.Getpid())
			waits := fmt.Sprintf("INFO %s/fleet.db is locked by %s: waiting up to %s for it to end\n", dir, holder, c.most)
			ends := strings.NewReplacer("DIR", dir, "PROCESS", holder).Replace(kept) + "\n"
			said := stderr.said.String()
			if code != c.code || !strings.Contains(said, waits) || strings.HasSuffix(said, ends) != c.locked {
				t.Errorf("%s: %s: exit %d, want %d\n%s", command, c.name, code, c.code, said)
			}
			if after := listed(t, dir); c.locked && after != before {
				t.Errorf("%s: %s: there was %s, there is %s", command, c.name, before, after)
			}
			lock.Unlock()
			signal()
		}
	}
}
