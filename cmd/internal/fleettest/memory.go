package fleettest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// MemoryDir returns a directory in memory if there is one, because a sync is free there.
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

// HighWater returns the peak memory in KiB of a running process, or of "self". It returns 0
// if the process has ended.
func HighWater(process string) (kib int) {
	status, _ := os.ReadFile("/proc/" + process + "/status")
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		kib, _ = strconv.Atoi(strings.Fields(rest)[0])
	}
	return kib
}
