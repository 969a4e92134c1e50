package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"syscall"
)

// answer is an HTTP answer that is not a 2xx.
type answer struct{ status int }

func (a answer) Error() string {
	return fmt.Sprintf("it answered %d %s", a.status, http.StatusText(a.status))
}

// errService: a service of shoutrrr did not take a message. Its own errors contain its URL.
var errService = errors.New("the service did not take it")

// reason returns why a sink could not be told. The errors of libraries contain URLs, so it
// never shows their text.
func reason(err error) string {
	var (
		a      answer
		errno  syscall.Errno
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		exit   *exec.ExitError
		late   net.Error
	)
	switch {
	case errors.As(err, &a) && a.status >= 300 && a.status < 400:
		return fmt.Sprintf("it answered %d and names another address, which is not followed: configure that one", a.status)
	case errors.As(err, &a):
		return a.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return "it did not answer in time"
	case errors.Is(err, context.Canceled):
		return "stopped by a signal"
	case errors.As(err, &cert):
		return "its certificate is not valid"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS"
	case errors.As(err, &exit):
		return "it ended with " + exit.ProcessState.String()
	case errors.As(err, &dns):
		return "its name was not found"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, errService):
		return errService.Error()
	}
	return "the connection broke"
}

// refused reports whether a sink will never take this message, whereas it may take another.
func refused(err error) bool {
	var a answer
	if !errors.As(err, &a) {
		return false
	}
	return a.status == http.StatusBadRequest || a.status == http.StatusRequestEntityTooLarge || a.status == http.StatusUnprocessableEntity
}
