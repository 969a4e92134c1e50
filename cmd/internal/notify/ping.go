package notify

import (
	"context"
	"net/http"
	"net/url"
)

// ping is a dead man's switch, which takes a ping after each pass. It raises an alarm if none
// comes.
type ping struct{ url *url.URL }

// send says whether a pass got through. why is the reason why it did not.
func (p *ping) send(ctx context.Context, ok bool, why string) error {
	u := p.url
	if !ok {
		u = u.JoinPath("fail")
	}
	return post(ctx, client(), u, http.Header{}, "text/plain; charset=utf-8", []byte(why))
}
