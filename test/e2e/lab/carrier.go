package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/test/carriersim"
)

// Addresses on the internet side of the lab (RFC 5737).
const (
	UPSAddress   = "203.0.113.10"
	FedExAddress = "203.0.113.20"
	// UPSNewAddress is where UPS moves to in the course of a story.
	UPSNewAddress = "203.0.113.11"
	// ElsewhereAddress belongs to nobody whom the gateway may talk to; a server listens there all the same.
	ElsewhereAddress = "198.51.100.66"
)

// Carrier is the simulated carrier on the internet side of the lab.
type Carrier struct {
	// CA is the PEM of the authority that signed its certificates.
	CA string

	control *http.Client
}

// StartCarrier starts the simulated carrier under the carriers' real host names.
func (l *Lab) StartCarrier(ctx context.Context) (*Carrier, error) {
	if err := l.build(ctx, l.Root, "./test/carriersim/cmd/carriersim", "carriersim"); err != nil {
		return nil, err
	}
	home := filepath.Join(l.dir, "carriersim")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	socket := filepath.Join(home, "control.sock")
	if err := os.RemoveAll(socket); err != nil {
		return nil, err
	}
	_, err := l.Run(ctx, nil, l.path("devcluster"), "run", "--name", l.Name, "--in", "internet", "--as", "carriersim", "--",
		l.path("carriersim"), "--listen", UPSAddress+":443", "--listen", UPSNewAddress+":443", "--listen", FedExAddress+":443", "--listen", ElsewhereAddress+":443",
		"--control", "unix:"+socket, "--ca-dir", filepath.Join(home, "ca"), "--ups-token-limit", "1000")
	if err != nil {
		return nil, err
	}
	c := &Carrier{control: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}}
	err = l.Wait(ctx, 20*time.Second, "the simulated carrier", func(ctx context.Context) (bool, string, error) {
		text, err := c.call(ctx, http.MethodGet, "/ca.crt", nil)
		c.CA = string(text)
		return err == nil, "", err
	})
	return c, err
}

// PutAccount makes or changes an account of the carrier.
func (c *Carrier) PutAccount(ctx context.Context, account map[string]any) error {
	_, err := c.call(ctx, http.MethodPut, "/accounts", account)
	return err
}

// Received returns the requests of an operation that the carrier received, in order.
func (c *Carrier) Received(ctx context.Context, operation string) ([]carriersim.Request, error) {
	text, err := c.call(ctx, http.MethodGet, "/received?operation="+operation, nil)
	if err != nil {
		return nil, err
	}
	var requests []carriersim.Request
	return requests, json.Unmarshal(text, &requests)
}

// Leave makes the carrier take no more connections at an address.
func (c *Carrier) Leave(ctx context.Context, address string) error {
	_, err := c.call(ctx, http.MethodDelete, "/listeners/"+address+":443", nil)
	return err
}

// SetFaults replaces the carrier's faults.
func (c *Carrier) SetFaults(ctx context.Context, faults ...carriersim.Fault) error {
	_, err := c.call(ctx, http.MethodPut, "/faults", append([]carriersim.Fault{}, faults...))
	return err
}

// ClearReceived forgets the requests received so far.
func (c *Carrier) ClearReceived(ctx context.Context) error {
	_, err := c.call(ctx, http.MethodDelete, "/received", nil)
	return err
}

func (c *Carrier) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://carriersim"+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	resp, err := c.control.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return text, err
}

// SetAddresses makes the internet's DNS answer addresses for a host name. None: the name does not exist.
func (l *Lab) SetAddresses(host string, addresses ...string) error {
	file := filepath.Join(l.dir, "internet", "hosts")
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		kept := slices.DeleteFunc(fields, func(name string) bool { return name == host })
		switch {
		case len(kept) == len(fields) || strings.HasPrefix(line, "#"):
			out.WriteString(line)
		case len(kept) > 1:
			out.WriteString(strings.Join(kept, " ") + "\n")
		}
	}
	for _, address := range addresses {
		fmt.Fprintf(&out, "%s %s\n", address, host)
	}
	return os.WriteFile(file, []byte(out.String()), 0o644)
}

// Enforce turns the enforcement of NetworkPolicies on or off.
func (l *Lab) Enforce(ctx context.Context, state string) error {
	_, err := l.Run(ctx, nil, l.path("devcluster"), "policies", "--name", l.Name, state)
	return err
}

// StopCarrier takes the simulated carrier off the net.
func (l *Lab) StopCarrier(ctx context.Context) error {
	_, err := l.Run(ctx, nil, l.path("devcluster"), "stop", "--name", l.Name, "--as", "carriersim")
	return err
}
