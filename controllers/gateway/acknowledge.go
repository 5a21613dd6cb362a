package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const (
	askTimeout     = 2 * time.Second
	maxStatusBytes = 512 << 10 // with the use of 128 limits and the counts of 64 fields
	nonceBytes     = 32
)

// Peer is how the operator speaks to the gateway of one integration.
type Peer struct {
	// Certificate of the operator for this integration, and Roots that the gateway's certificate is verified with.
	Certificate tls.Certificate
	Roots       *x509.CertPool
	// Host and URI are names that the gateway's certificate must have.
	Host, URI string
}

// Acknowledger asks a gateway pod what it serves. nonce keys the proofs in the answer.
type Acknowledger interface {
	Status(ctx context.Context, podIP string, peer *Peer, nonce []byte) (*config.Status, error)
}

// AdminClient asks over the gateways' admin port.
type AdminClient struct{}

// Status asks one pod.
func (AdminClient) Status(ctx context.Context, podIP string, peer *Peer, nonce []byte) (*config.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status := &config.Status{}
	if err := get(ctx, podIP, peer, config.StatusPath+"?nonce="+hex.EncodeToString(nonce), status); err != nil {
		return nil, err
	}
	return status, nil
}

// get asks the admin port of one pod. The connection is made anew each time: what verified it may have changed since.
func get(ctx context.Context, podIP string, peer *Peer, target string, into any) error {
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, ServerName: peer.Host, RootCAs: peer.Roots,
			Certificates:     []tls.Certificate{peer.Certificate},
			VerifyConnection: func(state tls.ConnectionState) error { return verifyURI(&state, peer.URI) },
		}},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort(podIP, strconv.Itoa(config.PortAdmin))+target, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("does not answer: %w", withoutURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answers with status %d", response.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxStatusBytes)).Decode(into); err != nil {
		return fmt.Errorf("gives an answer that does not parse: %w", err)
	}
	return nil
}

func verifyURI(state *tls.ConnectionState, want string) error {
	for _, uri := range state.PeerCertificates[0].URIs {
		if uri.String() == want {
			return nil
		}
	}
	return errors.New("its certificate is not that of this integration's gateway")
}

// withoutURL drops the address, whose nonce would make every message a new one. The same goes for the local port of the connection.
func withoutURL(err error) error {
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	}
	if unwrapped := errors.Unwrap(err); unwrapped != nil {
		return unwrapped
	}
	return err
}

// newNonce makes a key that is used once.
func newNonce() []byte {
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce)
	return nonce
}

// ask asks all ready replicas at the same time.
func ask(ctx context.Context, a Acknowledger, peer *Peer, nonce []byte, replicas []replica) {
	var wait sync.WaitGroup
	for i := range replicas {
		r := &replicas[i]
		if podReady(r.pod) && r.pod.Status.PodIP != "" {
			wait.Go(func() { r.status, r.err = a.Status(ctx, r.pod.Status.PodIP, peer, nonce) })
		}
	}
	wait.Wait()
}
