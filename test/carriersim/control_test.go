package carriersim

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// control calls the control API and decodes its answer.
func control(t *testing.T, client *http.Client, base, method, path, body string, status int) any {
	t.Helper()
	r, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, resp.StatusCode, status, data)
	}
	var out any
	if len(data) > 0 && json.Unmarshal(data, &out) != nil {
		out = string(data)
	}
	return out
}

func TestControlAPI(t *testing.T) {
	s, _ := startSim(t, func(o *Options) { o.Control = "127.0.0.1:0" })
	call := func(method, path, body string, status int) any {
		t.Helper()
		return control(t, http.DefaultClient, "http://"+s.ControlAddr(), method, path, body, status)
	}
	call("GET", "/healthz", "", 204)
	if got := call("GET", "/ca.crt", "", 200); got != string(s.CAPEM()) {
		t.Errorf("ca.crt is %v", got)
	}

	call("PUT", "/accounts", `{"carrier":"ups","id":"second","secret":"second-1"}`, 204)
	upsTokenCall(t, s, "second", "second-1").json(t, 200)
	call("PUT", "/accounts", `{"carrier":"ups","id":"second","secret":"second-2","overlapSeconds":60}`, 204)
	list := call("GET", "/accounts", "", 200)
	expect(t, list, "second", 3, "id")
	expect(t, list, 1.0, 3, "liveTokens")
	expect(t, list, "2026-11-24T10:01:00Z", 3, "previousValidUntil")
	if text, _ := json.Marshal(list); strings.Contains(string(text), "second-1") || strings.Contains(string(text), "second-2") {
		t.Errorf("the list shows secrets: %s", text)
	}
	expect(t, call("DELETE", "/tokens?carrier=ups&id=second", "", 200), 1.0, "revoked")
	call("DELETE", "/accounts/ups/second", "", 204)
	expect(t, call("DELETE", "/accounts/ups/second", "", 404), "no such account", "error")

	call("PUT", "/settings", `{"upsTokenLifetimeSeconds":5}`, 204)
	expect(t, call("GET", "/settings", "", 200), 5.0, "upsTokenLifetimeSeconds")
	expect(t, call("GET", "/settings", "", 200), 500000.0, "fedexDailyQuota")
	expect(t, upsTokenCall(t, s, upsID, upsSecret).json(t, 200), "5", "expires_in")

	call("PUT", "/faults", `[{"host":"onlinetools.ups.com","path":"/api/*","body":"html","count":1}]`, 204)
	if a := upsRate(t, s, "Bearer none"); a.StatusCode != 502 {
		t.Errorf("status %d, want the fault", a.StatusCode)
	}
	expect(t, call("GET", "/faults", "", 200), 1.0, 0, "hits")
	call("DELETE", "/faults", "", 204)
	expect(t, call("PUT", "/faults", `[{"stauts":500}]`, 400), `the body does not fit: json: unknown field "stauts"`, "error")

	call("PUT", "/certificates", `{"*":"expired"}`, 204)
	if got := certificateProblem(get(s.Client(), HostUPS)); got != "expired" {
		t.Errorf("certificate: %s", got)
	}
	call("PUT", "/certificates", `{"*":"valid"}`, 204)
	call("PUT", "/plaintext", `{"on":true}`, 204)
	if got := certificateProblem(get(s.Client(), HostUPS)); got != "plaintext" {
		t.Errorf("plaintext: %s", got)
	}
	call("PUT", "/plaintext", `{"on":false}`, 204)
	call("PUT", "/client-auth", `{"caPEM":`+jsonText(s.CAPEM())+`}`, 204)
	if get(s.Client(), HostUPS) == nil {
		t.Error("no client certificate was demanded")
	}
	call("PUT", "/client-auth", `{}`, 204)

	client := s.Client()
	if err := get(client, HostUPS); err != nil {
		t.Fatal(err)
	}
	expect(t, call("GET", "/stats", "", 200), 1.0, "requests", "ups.", "404")
	expect(t, call("GET", "/received?path=/none&host="+HostUPS, "", 200), "/none", 0, "path")
	call("DELETE", "/received", "", 204)
	if got := call("GET", "/received", "", 200); len(got.([]any)) != 0 {
		t.Errorf("still received: %v", got)
	}
}

func jsonText(b []byte) string {
	out, _ := json.Marshal(string(b))
	return string(out)
}

func TestControlAPIOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	Start(t, Options{Control: "unix:" + path})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	control(t, client, "http://carriersim", "GET", "/healthz", "", 204)
}

func TestReceivedIsWhatWasSent(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	const odd = `{"b":1.0,"a":[1,2],"a":"twice"}`
	send(t, s, "POST", upsRateURL+"?x=1&x=2", odd, "Authorization", token, "Content-Type", "application/json", "X-Odd", "v")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(upsRateBody)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, s, "POST", upsRateURL, zipped.String(), "Authorization", token, "Content-Encoding", "gzip").json(t, 200)

	all := s.Received()
	if len(all) != 3 || all[0].Seq != 1 || all[2].Seq != 3 {
		t.Fatalf("received %d requests, want 3 in order", len(all))
	}
	form := all[0]
	if form.Operation != "token" || form.Carrier != UPS || form.Form.Get("grant_type") != "client_credentials" || form.Status != 200 {
		t.Errorf("token request: %+v", form)
	}
	got := all[1]
	if string(got.Body) != odd || string(got.JSON) != odd || got.Status != 400 || got.Path != "/api/rating/v2409/Rate" ||
		got.ServerName != HostUPS || got.Header.Get("X-Odd") != "v" || got.ContentLength != int64(len(odd)) || !got.Time.Equal(startTime) {
		t.Errorf("rate request: %+v", got)
	}
	if diff := cmp.Diff([]string{"1", "2"}, got.Query["x"]); diff != "" {
		t.Errorf("query: %s", diff)
	}
	encoded, err := json.Marshal(got)
	if err != nil || !strings.Contains(string(encoded), base64.StdEncoding.EncodeToString([]byte(odd))) {
		t.Errorf("the body is not base64 in JSON: %s, %v", encoded, err)
	}
	if !bytes.Equal(all[2].Body, zipped.Bytes()) || string(all[2].JSON) == "" {
		t.Errorf("gzip request: the raw bytes and the decoded JSON must both be there")
	}
	if n := len(s.Received(Filter{Operation: "rate", Path: "/api/*"})); n != 2 {
		t.Errorf("%d rate requests, want 2", n)
	}
}

func TestReceivedKeepsTheLatest(t *testing.T) {
	s, _ := startSim(t, func(o *Options) { o.MaxReceived = 2 })
	for range 3 {
		upsRate(t, s, "Bearer none")
	}
	got := s.Received()
	if len(got) != 2 || got[0].Seq != 2 || s.Stats().Received != 3 {
		t.Errorf("kept %d from %d on, counted %d; want 2 from 2 on, 3", len(got), got[0].Seq, s.Stats().Received)
	}
}

// lockedBuffer takes log lines of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func TestLogHasNoSecretAndNothingPersonal(t *testing.T) {
	var out lockedBuffer
	s, _ := startSim(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	token := upsToken(t, s)
	fedexToken(t, s)
	send(t, s, "POST", "https://"+HostUPS+"/api/shipments/v2409/ship", upsShipBody, "Authorization", token).json(t, 200)
	send(t, s, "GET", "https://"+HostUPS+"/api/track/v1/details/1Z5R89390357567127?q=PERSONAL", "", "Authorization", token,
		"transId", "t", "transactionSrc", "s").json(t, 200)
	s.Close()
	log := out.String()
	if !strings.Contains(log, "operation=ship") || !strings.Contains(log, "operation=track") {
		t.Errorf("the log does not tell the operations:\n%s", log)
	}
	for _, secret := range []string{upsSecret, fedexSecret, strings.TrimPrefix(token, "Bearer "), "RECIPIENT SEVEN", "1Z5R89390357567127", "PERSONAL"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %.20q", secret)
		}
	}
}
