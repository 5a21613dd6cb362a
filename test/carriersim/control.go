package carriersim

import (
	"encoding/json"
	"net/http"
)

// ControlHandler is the control API: JSON in and out, plain HTTP, for the machine that runs the test alone. It shows what clients
// sent, secrets included, so it belongs on a loopback address or a unix socket.
//
//	GET    /healthz           204 as soon as the server answers
//	GET    /ca.crt            the CA certificate, PEM
//	GET    /received          ?host= &path= (prefix with a final *) &operation=: [Request], in order
//	DELETE /received          forgets them, and sets the statistics to zero
//	GET    /stats             Stats
//	GET    /faults            [Fault] with hits;  PUT replaces all by [Fault];  DELETE clears
//	GET    /accounts          [AccountInfo], no secrets
//	PUT    /accounts          one Account: added, changed, rotated, disabled
//	DELETE /accounts/{carrier}/{id}
//	DELETE /tokens            ?carrier= &id=: {"revoked": n}
//	GET    /settings          Settings;  PUT changes the fields given
//	PUT    /certificates      {"host": "valid|expired|wrong-name|unknown-ca"}, host "*": every other
//	PUT    /client-auth       ClientAuth; {} demands nothing
//	PUT    /plaintext         {"on": true}: new connections get plain HTTP instead of TLS
//	DELETE /listeners/{addr}  takes no more connections there and closes the idle ones everywhere, as when a carrier leaves an address
//	DELETE /connections       closes idle connections, busy ones after their answer: {"closed": n}
//
// Changes answer 204, or 200 with the result. What is wrong with a request is said in {"error": "..."}, status 400 or 404.
func (s *Server) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, value func(r *http.Request) any) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, value(r)) })
	}
	get("/received", func(r *http.Request) any {
		q := r.URL.Query()
		return s.Received(Filter{Host: q.Get("host"), Path: q.Get("path"), Operation: q.Get("operation")})
	})
	get("/stats", func(*http.Request) any { return s.Stats() })
	get("/faults", func(*http.Request) any { return s.Faults() })
	get("/accounts", func(*http.Request) any { return s.Accounts() })
	get("/settings", func(*http.Request) any { return s.currentSettings() })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /ca.crt", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(s.CAPEM())
	})

	mux.HandleFunc("PUT /faults", change(func(list []Fault) error { return s.SetFaults(list...) }))
	mux.HandleFunc("PUT /accounts", change(s.PutAccount))
	mux.HandleFunc("PUT /certificates", change(s.SetCertificates))
	mux.HandleFunc("PUT /client-auth", change(s.SetClientAuth))
	mux.HandleFunc("PUT /settings", change(func(v Settings) error { _, err := s.ChangeSettings(v); return err }))
	mux.HandleFunc("PUT /plaintext", change(func(v struct {
		On bool `json:"on"`
	}) error {
		s.SetPlaintextFirst(v.On)
		return nil
	}))

	mux.HandleFunc("DELETE /received", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearReceived()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) { finish(w, s.SetFaults()) })
	mux.HandleFunc("DELETE /accounts/{carrier}/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !s.RemoveAccount(Carrier(r.PathValue("carrier")), r.PathValue("id")) {
			writeJSON(w, http.StatusNotFound, obj{"error": "no such account"})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /tokens", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		writeJSON(w, http.StatusOK, obj{"revoked": s.RevokeTokens(Carrier(q.Get("carrier")), q.Get("id"))})
	})
	mux.HandleFunc("DELETE /listeners/{addr}", func(w http.ResponseWriter, r *http.Request) { finish(w, s.CloseListener(r.PathValue("addr"))) })
	mux.HandleFunc("DELETE /connections", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, obj{"closed": s.CloseIdle()})
	})
	return mux
}

// change decodes a body strictly, so that a misspelled field is an error and not a fault that never fires.
func change[T any](apply func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			writeJSON(w, http.StatusBadRequest, obj{"error": "the body does not fit: " + err.Error()})
			return
		}
		finish(w, apply(v))
	}
}

func finish(w http.ResponseWriter, err error) {
	if err != nil {
		writeJSON(w, http.StatusBadRequest, obj{"error": err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
