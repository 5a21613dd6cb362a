package carriersim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// Operation names, as in Request.Operation and Account.Operations.
const (
	opToken = "token"
	opRate  = "rate"
	opShip  = "ship"
	opVoid  = "void"
	opTrack = "track"
)

// site is what answers under a host name.
type site struct {
	carrier Carrier
	mux     *http.ServeMux
	ops     map[string]endpoint
	refuse  map[Carrier]func(http.ResponseWriter, int)
}

type endpoint struct {
	carrier   Carrier
	operation string
}

// newSites builds one site a carrier, shared by all of its hosts.
func newSites(s *Server, hosts map[string]Carrier) map[string]*site {
	u, f := &ups{Server: s}, &fedex{Server: s}
	k, b := &simple{Server: s, carrier: APIKey}, &simple{Server: s, carrier: Basic}
	build := map[Carrier]func(*site){
		UPS: u.routes, FedEx: f.routes, APIKey: k.routes, Basic: b.routes,
		// The two plain carriers share their paths; the Basic one shows itself by its Authorization header.
		All: func(t *site) { u.routes(t); f.routes(t); (&either{basic: b, key: k}).routes(t) },
	}
	byCarrier, out := map[Carrier]*site{}, map[string]*site{}
	for host, c := range hosts {
		if byCarrier[c] == nil {
			t := &site{carrier: c, mux: http.NewServeMux(), ops: map[string]endpoint{}, refuse: map[Carrier]func(http.ResponseWriter, int){}}
			build[c](t)
			t.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { t.refuser(c)(w, http.StatusNotFound) })
			byCarrier[c] = t
		}
		out[strings.ToLower(host)] = byCarrier[c]
	}
	return out
}

func (t *site) handle(c Carrier, operation, pattern string, h http.HandlerFunc) {
	t.ops[pattern] = endpoint{c, operation}
	t.mux.HandleFunc(pattern, h)
}

// operation names what a request asks for, without running it.
func (t *site) operation(r *http.Request) (Carrier, string) {
	_, pattern := t.mux.Handler(r)
	e := t.ops[pattern]
	return or(e.carrier, t.carrier), e.operation
}

// refuser is how a carrier says a bare status.
func (t *site) refuser(c Carrier) func(http.ResponseWriter, int) {
	if refuse := t.refuse[c]; refuse != nil {
		return refuse
	}
	return simpleError
}

// number reads a JSON number that may come as a string, as UPS wants it and most clients do not send it.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	var v json.Number // takes a number and a string that holds one
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	f, err := v.Float64()
	*n = number(f)
	return err
}

// many reads a list, or a single element in its place, as UPS does.
type many[T any] []T

func (m *many[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(m))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*m = many[T]{one}
	return nil
}

// readJSON decodes the body, with a gzip encoding undone.
func readJSON(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(decodeBody(r.Header.Get("Content-Encoding"), body), into)
}

// bearerOf returns the token of an Authorization header.
func bearerOf(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(value)
}

// missing returns the name of the first field without a value, from name, value pairs.
func missing(pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			return pairs[i]
		}
	}
	return ""
}
