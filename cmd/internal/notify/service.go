package notify

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// titled are the services that show a title above a text. Most others refuse one.
var titled = []string{"smtp", "ntfy", "gotify", "pushover", "bark"}

// service sends messages through a service that shoutrrr knows. The errors of that library
// contain the URL, so none of their text is kept.
func service(typed string) (sender, error) {
	scheme, _, _ := strings.Cut(typed, ":")
	var r router.ServiceRouter
	service, err := r.Locate(typed)
	if err != nil || scheme == "logger" { // that one drops messages
		return nil, errors.New("it is not the URL of a service that this program knows; https://shoutrrr.nickfedor.com has their form")
	}
	return func(ctx context.Context, m *Message) error {
		text, params := m.text(), types.Params{}
		if slices.Contains(titled, scheme) {
			params.SetTitle(m.title())
		} else {
			text = m.title() + "\n" + text
		}
		done := make(chan error, 1)
		// A service takes no context. One that hangs ends with the process.
		go func() { done <- service.Send(text, &params) }()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-done:
			if err != nil {
				return errors.Join(errService, err)
			}
			return nil
		}
	}, nil
}
