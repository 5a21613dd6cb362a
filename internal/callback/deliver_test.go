package callback

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

func TestDeliver(t *testing.T) {
	var got http.Header
	var path, content string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got, path, content = r.Header, r.Host+r.URL.Path, string(data)
		if r.URL.Path == "/large" {
			_, _ = w.Write(make([]byte, maxAnswer+1))
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("thanks"))
	}))
	t.Cleanup(service.Close)
	c := config.Callback{Name: "tracking", Verification: "Bearer", IDHeader: "X-Event-Id", ForwardTo: "http://tracker.shop.svc:80/events",
		Address: strings.TrimPrefix(service.URL, "http://")}
	target, err := NewTarget(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	h := headers("Authorization", "Bearer secret", "Content-Type", "application/json", "X-Event-Id", "7", "Cookie", "a=b", "X-Forwarded-For", "1.2.3.4")
	answer, err := target.Deliver(t.Context(), h, []byte("raw \xff bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Answer{Status: http.StatusAccepted, ContentType: "text/plain", Body: []byte("thanks")}, answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if path != "tracker.shop.svc:80/events" || content != "raw \xff bytes" {
		t.Errorf("the Service got %q at %s", content, path)
	}
	want := http.Header{"Content-Type": {"application/json"}, "X-Event-Id": {"7"}, "Carrier-Callback": {"tracking"}}
	for _, own := range []string{"Content-Length", "User-Agent"} {
		delete(got, own)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}

	c.ForwardTo = "http://tracker.shop.svc:80/large"
	large, err := NewTarget(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(large.Close)
	if _, err := large.Deliver(t.Context(), h, nil); err == nil {
		t.Error("an answer without end was taken")
	}
}

func TestSender(t *testing.T) {
	tests := map[string]struct {
		remote    string
		forwarded []string
		trust     bool
		want      string
	}{
		"the connection's":                        {"198.51.100.7:1234", []string{"1.2.3.4"}, false, "198.51.100.7"},
		"the connection's, mapped":                {"[::ffff:198.51.100.7]:1234", nil, false, "198.51.100.7"},
		"the last hop's":                          {"10.0.0.1:1", []string{"1.2.3.4, 5.6.7.8"}, true, "5.6.7.8"},
		"the last hop's, in a second header":      {"10.0.0.1:1", []string{"1.2.3.4", "5.6.7.8"}, true, "5.6.7.8"},
		"a trusted proxy that says nothing":       {"10.0.0.1:1", nil, true, "invalid IP"},
		"a trusted proxy that says something odd": {"10.0.0.1:1", []string{"1.2.3.4, unknown"}, true, "invalid IP"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{}}
			for _, v := range tc.forwarded {
				r.Header.Add("X-Forwarded-For", v)
			}
			if got := Sender(r, tc.trust).String(); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}
