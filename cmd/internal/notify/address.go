package notify

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/cis490/fleet-health/store/visible"
)

// address sets what depends on the scheme of the URL.
func (s *Sink) address(typed, secret string) error {
	scheme, rest, ok := strings.Cut(typed, ":")
	scheme = strings.ToLower(scheme)
	if !ok || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return errors.New("the first word is not a URL like https://hooks.example/fleet")
	}
	if secret != "" && scheme != "https" && scheme != "http" {
		return errors.New("only a webhook, https://…, has a secret=")
	}
	switch scheme {
	case "https", "http":
		u, err := webAddress(typed)
		if err != nil {
			return err
		}
		s.Label, s.send = u.Scheme+"://"+visible.Escape(u.Host)+"/…", webhook(u, secret)
	case "ping":
		u, err := webAddress(rest)
		if err != nil {
			return err
		}
		s.Label, s.kind, s.ping = "ping:"+u.Scheme+"://"+visible.Escape(u.Host)+"/…", takesPings, &ping{u}
	case "alertmanager", "alertmanager+https":
		u, err := alertmanagerAddress(typed, scheme)
		if err != nil {
			return err
		}
		s.Label, s.kind, s.alerts = scheme+"://"+visible.Escape(u.Host), takesAlerts, &alertmanager{u}
	case "exec":
		if !filepath.IsAbs(rest) {
			return errors.New("exec: needs an absolute path, like exec:/usr/local/bin/page")
		}
		s.Label, s.send = "exec:"+visible.Escape(rest), program(rest)
	default:
		send, err := service(typed)
		if err != nil {
			return fmt.Errorf("%s: %w", scheme, err)
		}
		s.Label, s.send = scheme+"://…", send
	}
	return nil
}

// webAddress parses the URL of a webhook. Its errors do not show it.
func webAddress(typed string) (*url.URL, error) {
	u, err := url.Parse(typed)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("it is not a URL like https://hooks.example/fleet")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("http:// is for 127.0.0.1 and localhost only, because others could read it on its way: use https://")
	case u.Fragment != "":
		return nil, errors.New("the URL has a #, which would not be sent: write %23")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
