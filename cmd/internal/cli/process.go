package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Env has everything that a command sees of its process.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Version        string        // of the release; "" means Go's own stamp of the checkout
	BusyTimeout    time.Duration // how long to wait for another process's write, or for its lock; 0 is the store's own, or lockWait

	log   *slog.Logger   // of the process, to Stderr
	level *slog.LevelVar // of log
}

// Main runs the program with the arguments of this process, and returns its exit code.
func Main(version string) (code int) {
	// On a busy machine the collector cannot keep up with a wide table, which takes
	// 64 MiB instead of 46. A pass raises the limit.
	debug.SetMemoryLimit(32 << 20)
	syscall.Umask(0o027) // the group may read new files, others may not
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends a pass that cannot stop, because it waits for input.
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], &Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now, Version: version})
}
