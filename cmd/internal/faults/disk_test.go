package faults

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cis490/fleet-health/cmd/internal/fleettest"
	"golang.org/x/sys/unix"
)

// shutdown is EXT4_IOC_SHUTDOWN. After it, the file system writes nothing more.
const shutdown = 0x8004587d

// Results of a power cut for data that was not synced: nothing is left; or names, sizes and
// removals are left, but no content of files; or these, and a random half of the pages.
const (
	nothing  = "nothing"
	names    = "names"
	anything = "anything"
)

// disk is an ext4 file system in a file. Its power can be cut.
type disk struct {
	dir  string
	loop *os.File
}

// newDisk makes a disk, and mounts it until the end of the test.
func newDisk(t *testing.T) (*disk, error) {
	t.Helper()
	image, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		return nil, err
	}
	defer image.Close()
	if err := image.Truncate(256 << 20); err != nil {
		return nil, err
	}
	// Write all inodes now, because the kernel would write them while the disk is mounted.
	mkfs := exec.Command("/sbin/mkfs.ext4", "-q", "-N", "1024", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", image.Name())
	if said, err := mkfs.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, said)
	}
	d := &disk{dir: filepath.Join(t.TempDir(), "disk")}
	if d.loop, err = loopOf(image); err != nil {
		return nil, err
	}
	t.Cleanup(func() { d.loop.Close() })
	if err := errors.Join(os.Mkdir(d.dir, 0o750), d.mount()); err != nil {
		return nil, err
	}
	t.Cleanup(func() { unix.Unmount(d.dir, unix.MNT_DETACH) })
	return d, nil
}

// loopOf returns a loop device for a file. The kernel removes it when no process has it
// open any more.
func loopOf(image *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		if err = unix.IoctlLoopConfigure(int(loop.Fd()), &config); err == nil {
			return loop, nil
		}
		loop.Close()
		if !errors.Is(err, unix.EBUSY) { // EBUSY: another process has just taken the device
			return nil, err
		}
	}
}

// mount mounts the disk so that only a sync writes: neither a timer of 5 seconds nor a
// rename over another file does.
func (d *disk) mount() error {
	return os.NewSyscallError("mount", unix.Mount(d.loop.Name(), d.dir, "ext4", unix.MS_NOATIME, "commit=300,noauto_da_alloc"))
}

// sync makes the whole content of the disk durable.
func (d *disk) sync(t *testing.T) {
	t.Helper()
	if err := d.at(func(fd int) error { return unix.Syncfs(fd) }); err != nil {
		t.Fatal(err)
	}
}

// cut cuts the power, and switches it on again. The same seed always leaves the same data.
func (d *disk) cut(t *testing.T, leaving, seed string) {
	t.Helper()
	flag := 2 // EXT4_GOING_FLAGS_NOLOGFLUSH
	if leaving != nothing {
		flag = 1 // EXT4_GOING_FLAGS_LOGFLUSH
	}
	var err error
	if leaving == anything {
		h := fnv.New64()
		h.Write([]byte(seed))
		err = d.writeSome(rand.New(rand.NewPCG(h.Sum64(), 0)))
	}
	err = errors.Join(err, d.at(func(fd int) error { return unix.IoctlSetPointerInt(fd, shutdown, flag) }))
	if err := errors.Join(err, d.unmount(), d.mount()); err != nil {
		t.Fatal(err)
	}
}

// unmount waits for processes that still have a file of the disk. A process that is about
// to become strace has the open files of this one. A process such as ps, that reads about
// a killed one, holds the files that it had mapped.
func (d *disk) unmount() (err error) {
	for begun := time.Now(); time.Since(begun) < 10*time.Second; runtime.Gosched() {
		if err = unix.Unmount(d.dir, 0); !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return os.NewSyscallError("umount", err)
}

// writeSome writes about half of the pages, as the kernel may at any time.
func (d *disk) writeSome(r *rand.Rand) error {
	const now = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	return filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		for page := int64(0); err == nil && page < info.Size(); page += 4096 {
			if r.IntN(2) == 0 {
				err = unix.SyncFileRange(int(f.Fd()), page, 4096, now)
			}
		}
		return err
	})
}

func (d *disk) at(do func(fd int) error) error {
	dir, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return do(int(dir.Fd()))
}

// needDisk skips a test if no disk can be made, or fails it in CI. It also checks that a cut
// loses data, because otherwise the sweep would prove nothing.
func needDisk(t *testing.T) {
	t.Helper()
	fleettest.Need(t, "/sbin/mkfs.ext4")
	d, err := newDisk(t)
	if err != nil {
		fleettest.Lacks(t, err)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for leaving, want := range map[string]string{nothing: "", names: "new "} {
		write("old", "synced")
		os.Remove(filepath.Join(d.dir, "new"))
		d.sync(t)
		write("new", "not synced")
		d.cut(t, leaving, "")
		got := ""
		for _, name := range []string{"new", "old"} {
			content, err := os.ReadFile(filepath.Join(d.dir, name))
			if err == nil {
				got += name + " " + string(content)
			}
		}
		if want += "old synced"; got != want {
			t.Fatalf("a cut of power leaves %q, want %q", got, want)
		}
	}
}
