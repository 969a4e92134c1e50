package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// systemJournalReadable returns ErrUnread if this user may not read the system's
// journal. journalctl gives no error then if the user has a journal of their own: it
// shows that one, without the unit. dirs are the machine's journal directories; nil means
// journald's defaults.
func systemJournalReadable(dirs []string) error {
	if dirs == nil {
		id, err := os.ReadFile("/etc/machine-id")
		if err != nil {
			return nil // journalctl itself reports the problem
		}
		for _, root := range []string{"/var/log/journal", "/run/log/journal"} {
			dirs = append(dirs, filepath.Join(root, strings.TrimSpace(string(id))))
		}
	}
	var denied error
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrPermission) {
			denied = err
		}
		for _, e := range entries {
			// system.journal, or a rotated one: system@….journal.
			if !strings.HasPrefix(e.Name(), "system") || !strings.Contains(e.Name(), ".journal") {
				continue
			}
			f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_RDONLY|noFollow, 0)
			if err == nil {
				f.Close()
				return nil
			}
			if errors.Is(err, fs.ErrPermission) {
				denied = err
			}
		}
	}
	if denied != nil {
		return fmt.Errorf("journal %w: this user may not read the system's journal; add it to the group systemd-journal: %w", ErrUnread, denied)
	}
	return nil
}
