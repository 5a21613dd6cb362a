package stores

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/retention"
)

// Cause is the innermost error, such as "connection refused": outer messages repeat host, user and database, or keys in an address.
func Cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// Unreachable is ErrUnreachable with the innermost cause.
func Unreachable(err error) error {
	return fmt.Errorf("%w: %s", retention.ErrUnreachable, Cause(err))
}

// IsTLS says whether an error is that of a TLS connection that was not trusted or not had.
func IsTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var network *net.OpError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) ||
		errors.As(err, &alert) || errors.As(err, &record) ||
		errors.As(err, &network) && network.Op == "remote error" // an alert of the store, as crypto/tls tells it
}

// TLSFailed is the Failure of such a connection.
func TLSFailed(err error) error {
	return retention.Fail(v1alpha1.ReasonStoreTLSFailed,
		"no trusted TLS connection to the store: %s. Check its certificate, and tls.mode, tls.caBundleRef and "+
			"tls.clientCertificateRef of the DataStore", Cause(err))
}

// Named puts what a Failure is about in front of its message; other errors stay as they are.
func Named(err error, what string) error {
	if f, ok := errors.AsType[*retention.Failure](err); ok {
		return retention.Fail(f.Reason, "%s: %s", what, f.Message)
	}
	return err
}
