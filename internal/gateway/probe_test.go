//go:build integration

package gateway

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// The operator, and nobody else, has the gateway try a connection: made, it is closed without a byte; refused, that is the answer.
func TestProbe(t *testing.T) {
	r := newRig(t)
	<-r.gateway.reloader.ready // before it, nobody has a certificate for the operator
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	received := make(chan []byte, 1)
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		all, _ := io.ReadAll(connection)
		received <- all
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())

	ask := func(c *http.Client, query string) (int, string) {
		res, err := c.Get("https://" + r.gateway.admin.Addr().String() + config.ProbePath + "?" + query)
		must(t, err)
		defer func() { _ = res.Body.Close() }()
		var result config.ProbeResult
		if res.StatusCode == http.StatusOK {
			must(t, json.NewDecoder(res.Body).Decode(&result))
		}
		return res.StatusCode, result.Outcome
	}
	to := func(address string) string { return url.Values{"address": {address}}.Encode() }
	manager := r.clientWith(r.ca.issue(t, config.ManagerURI("shop", "ups")))

	if code, outcome := ask(manager, to(listener.Addr().String())); code != 200 || outcome != config.ProbeConnected {
		t.Errorf("a port that listens: %d %s", code, outcome)
	}
	if sent := <-received; len(sent) > 0 {
		t.Errorf("the probe sent %q", sent)
	}
	if code, outcome := ask(manager, to(closed.Addr().String())); code != 200 || outcome != config.ProbeBlocked {
		t.Errorf("a port that refuses: %d %s", code, outcome)
	}
	for name, query := range map[string]string{"no address": "", "a name": to("localhost:80"), "no port": to("127.0.0.1"), "port 0": to("127.0.0.1:0"),
		"a zone": to("[fe80::1%lo]:80"), "a URL": to("http://127.0.0.1:80"), "two addresses": to("127.0.0.1:80") + "&" + to("127.0.0.1:81")} {
		if code, _ := ask(manager, query); code != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, code)
		}
	}
	client := r.clientWith(r.ca.issue(t, config.ClientURI("shop", "ups", "checkout")))
	if code, _ := ask(client, to(listener.Addr().String())); code != http.StatusForbidden {
		t.Errorf("a client may probe: status %d", code)
	}
}
