package notify

import (
	"bytes"
	"context"
	"os/exec"
	"syscall"
	"time"
)

// program runs a program for each message, with the message as JSON on its standard input. No
// shell reads anything of it.
func program(path string) sender {
	return func(ctx context.Context, m *Message) error {
		body, err := m.body()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, path)
		cmd.Stdin = bytes.NewReader(append(body, '\n'))
		// What it has started goes with it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = time.Second
		if err := cmd.Run(); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			return err
		}
		return nil
	}
}
