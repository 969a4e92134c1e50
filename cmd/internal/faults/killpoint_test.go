package faults

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killPoint makes a process kill itself before it writes at an offset of a descriptor. Its
// value has both numbers and the expected file. It is faster than strace, which stops a
// process twice for each earlier write, and a backlog has thousands of them.
const killPoint = "FLEET_HEALTH_KILL_POINT"

func init() {
	var fd, offset int64
	var file string
	if n, _ := fmt.Sscan(os.Getenv(killPoint), &fd, &offset, &file); n != 3 {
		return
	}
	runtime.LockOSThread() // only this thread is stopped at the write
	listener, err := holdWrite(uint32(fd), uint64(offset))
	if err != nil {
		panic(err)
	}
	go func() {
		for { // a signal may interrupt it
			if n, err := unix.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, -1); err == nil && n > 0 {
				if is, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil || is != file {
					panic(fmt.Sprintf("the descriptor %d is %s, not %s", fd, is, file))
				}
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
	}()
}

// holdWrite stops this thread before pwrite64 at an offset of a descriptor. The descriptor
// that it returns becomes readable at that time. It has a high number, so that the other
// descriptors of the process have the same numbers as without it.
func holdWrite(fd uint32, offset uint64) (listener int, err error) {
	const number, descriptor, position = 0, 16, 16 + 3*8 // in struct seccomp_data: seccomp(2)
	filter := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF}, {Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
	for _, must := range []struct{ at, be uint32 }{{position + 4, uint32(offset >> 32)}, {position, uint32(offset & math.MaxUint32)}, {descriptor, fd}, {number, unix.SYS_PWRITE64}} {
		filter = append([]unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: must.at},
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: must.be, Jf: uint8(len(filter) - 1)},
		}, filter...)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	low, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return 0, os.NewSyscallError("seccomp", errno)
	}
	defer unix.Close(int(low))
	return unix.FcntlInt(low, unix.F_DUPFD_CLOEXEC, 100)
}

// killedAt runs the pass in dir and kills it at a write. reached is false if the pass ended
// in another way.
func (s *scene) killedAt(dir string, p point) (reached bool) {
	s.t.Helper()
	cmd := exec.Command("cis490-fleet-health", s.args(dir)...)
	cmd.Env = append(os.Environ(), killPoint+"="+p.write+" "+filepath.Join(dir, p.path))
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
