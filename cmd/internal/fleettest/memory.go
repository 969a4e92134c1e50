package fleettest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// MemoryDir returns a directory in memory, where there is such a one: a sync
// costs nothing there.
func MemoryDir(t *testing.T) string {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &fs); err != nil || fs.Type != unix.TMPFS_MAGIC {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "fleet-health-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// HighWater returns the memory in KiB that a running process, or "self", has had
// at most; 0 if it has ended.
func HighWater(process string) (kib int) {
	status, _ := os.ReadFile("/proc/" + process + "/status")
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		kib, _ = strconv.Atoi(strings.Fields(rest)[0])
	}
	return kib
}
