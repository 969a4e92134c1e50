package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
)

// sender sends a message. It returns when the context ends.
type sender func(context.Context, *Message) error

// client follows no redirect: the address that is configured is the one that is meant, and
// another one may not be trusted with the message.
func client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// webhook posts messages to a URL. With a secret it signs them.
func webhook(u *url.URL, secret string) sender {
	c := client()
	return func(ctx context.Context, m *Message) error {
		body, err := m.body()
		if err != nil {
			return err
		}
		header := http.Header{}
		if secret != "" {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(body)
			header.Set("X-Fleet-Health-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		}
		return post(ctx, c, u, header, "application/json", body)
	}
}

// post returns an error unless the answer is a 2xx.
func post(ctx context.Context, c *http.Client, u *url.URL, header http.Header, kind string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("User-Agent", "cis490-fleet-health")
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return answer{response.StatusCode}
	}
	return nil
}
