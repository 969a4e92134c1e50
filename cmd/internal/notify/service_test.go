package notify_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// mailbox is a session of an SMTP server, which keeps the mails of all.
type mailbox struct {
	mu    *sync.Mutex
	mails *[]string
}

func (m mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (mailbox) Reset()                                        {}
func (mailbox) Logout() error                                 { return nil }
func (mailbox) Mail(string, *smtp.MailOptions) error          { return nil }
func (mailbox) Rcpt(string, *smtp.RcptOptions) error          { return nil }

func (m mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	*m.mails = append(*m.mails, string(text))
	return err
}

// hostileName is the stored name of a host that calls everybody, links to a page, and would
// add a header to a mail.
const hostileName = `"@everyone <!channel> https://evil.example\r\nBcc: all@evil.example"`

// TestAMailIsAMail to a real SMTP server, whatever a host is called.
func TestAMailIsAMail(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var mails []string
	server := smtp.NewServer(mailbox{&mu, &mails})
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	f := newFleet(t, "smtp://"+l.Addr().String()+"/?from=fleet@lab.example&to=ops@lab.example&auth=None&encryption=None page=https://fleet.example/")
	f.run(t.Context())
	ids := f.open("lab-1", hostileName)
	if o := f.run(t.Context())[0]; o.Sent != 2 {
		t.Fatalf("%+v", o)
	}
	for n, want := range []string{"lab-1 silent: trouble", `"\x40everyone \x3c!channel> https:\x2f/evil.example\r\nBcc: all\x40evil.example" silent: trouble`} {
		m, err := mail.ReadMessage(strings.NewReader(mails[n]))
		if err != nil {
			t.Fatalf("%v: %s", err, mails[n])
		}
		body, _ := io.ReadAll(quotedprintable.NewReader(m.Body))
		if m.Header.Get("Subject") != want || m.Header.Get("Bcc") != "" || !bytes.Contains(body, fmt.Appendf(nil, "nothing for 60 min\r\nsuggested: look at it\r\nhttps://fleet.example/#i%d", ids[n])) {
			t.Errorf("the mail is %s, want the subject %s", mails[n], want)
		}
	}
}

// TestChatsGetNothingThatCallsOrLinks.
func TestChatsGetNothingThatCallsOrLinks(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, r.Header.Get("Title")+"\n"+string(body))
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id": "a", "event": "message"}`)
	}))
	t.Cleanup(server.Close)
	f := newFleet(t, strings.Replace(server.URL, "http:", "ntfy:", 1)+"/fleet?scheme=http", strings.Replace(server.URL, "http:", "generic:", 1)+"/?disabletls=yes&template=json")
	f.run(t.Context())
	f.open(hostileName)
	for _, o := range f.run(t.Context()) {
		if o.Sent != 1 {
			t.Errorf("%+v", o)
		}
	}
	if len(bodies) != 2 {
		t.Fatalf("%d bodies", len(bodies))
	}
	for _, body := range bodies {
		if strings.ContainsAny(body, "@<") || strings.Contains(body, "://") || !strings.Contains(body, "everyone") || !strings.Contains(body, "nothing for 60 min") {
			t.Errorf("it got %s", body)
		}
	}
}
