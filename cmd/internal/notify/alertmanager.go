package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store"
)

// maxAlerts is the largest number of alerts that one run sends to an Alertmanager.
const maxAlerts = 1000

// firesFor is how long an alert fires after the last run that sent it, in microseconds.
// Alertmanager's own five minutes would end all alerts if one run came late.
const firesFor = 30 * store.Minute

// alertmanager takes all alerts that are open, in each run, and the end of those that are over.
type alertmanager struct{ url *url.URL }

// alert is an alert as API v2 of Alertmanager takes it.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    string            `json:"startsAt"`
	EndsAt      string            `json:"endsAt"`
	Page        string            `json:"generatorURL,omitempty"`
}

// alertmanagerAddress parses alertmanager://HOST:PORT. Its errors do not show it.
func alertmanagerAddress(typed, scheme string) (*url.URL, error) {
	u, err := url.Parse(typed)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("it is not a URL like alertmanager://127.0.0.1:9093")
	}
	u.Scheme = "http"
	if scheme == "alertmanager+https" {
		u.Scheme = "https"
	}
	if u.User != nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, errors.New("others could read the password on its way: use alertmanager+https://")
	}
	if u.Port() == "" {
		u.Host += ":9093"
	}
	return u.JoinPath("api/v2/alerts"), nil
}

// post sends alerts, if there are any.
func (a *alertmanager) post(ctx context.Context, alerts []alert) error {
	if len(alerts) == 0 {
		return nil
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return err
	}
	return post(ctx, client(), a.url, http.Header{}, "application/json", body)
}

// alertOf returns the alert of an incident. ends is its end, or when it ends unless it is sent
// again.
func alertOf(subject, symptom, cause, detail, fix string, hosts []string, began, ends int64) alert {
	a := alert{
		Labels: map[string]string{"alertname": "FleetHealth", "host": subject, "symptom": symptom},
		Annotations: map[string]string{"summary": plain(subject + " " + symptom), "description": plain(detail), "suggested_fix": plain(fix),
			"hosts": strings.Join(hosts, " ")},
		StartsAt: utc(began), EndsAt: utc(cmp.Or(ends, began)),
	}
	if cause != "" {
		a.Labels["cause"] = cause
	}
	return a
}

// utc formats a time in microseconds as RFC 3339.
func utc(at int64) string { return time.UnixMicro(at).UTC().Format(time.RFC3339Nano) }
