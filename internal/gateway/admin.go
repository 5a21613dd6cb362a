package gateway

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// adminHandler answers the operator, and nobody else: the certificate's URI decides.
func (g *Gateway) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+config.ProbePath, g.probe)
	mux.HandleFunc("GET "+config.StatusPath, func(w http.ResponseWriter, r *http.Request) {
		nonce, err := hex.DecodeString(r.URL.Query().Get("nonce"))
		if err != nil || len(nonce) < 16 || len(nonce) > 64 {
			newProblem(http.StatusBadRequest, ruleTarget, "nonce must be 32 to 128 hexadecimal digits").write(w)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(g.status(nonce))
	})
	mux.HandleFunc("GET "+config.RefreshTokensPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(g.refreshTokens())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.isManager(r) {
			newProblem(http.StatusForbidden, ruleClientUnknown, "only the operator's certificate is admitted here").write(w)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isManager compares with the integration's name in the newest configuration that could be read.
func (g *Gateway) isManager(r *http.Request) bool {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return false
	}
	uris := r.TLS.PeerCertificates[0].URIs
	want := g.reloader.manager.Load()
	return want != nil && len(uris) == 1 && uris[0].String() == *want
}

// refreshTokens are those that the carrier has issued in place of the ones in Secrets, by credential.
func (g *Gateway) refreshTokens() map[string]config.RefreshToken {
	tokens := map[string]config.RefreshToken{}
	if s := g.reloader.current(); s != nil {
		for name, c := range s.credential {
			if t, issued := c.auth.RefreshToken(); issued {
				tokens[name] = t
			}
		}
	}
	return tokens
}

// status is what is served right now.
func (g *Gateway) status(nonce []byte) config.Status {
	status := config.Status{Credentials: []config.CredentialProof{}}
	var problems []string
	if text := g.reloader.lastError.Load(); text != nil {
		problems = append(problems, *text)
	}
	if s := g.reloader.current(); s != nil {
		status.Revision, status.ServerCertificate = s.cfg.Revision, s.server.fingerprint
		status.CarrierCertificate = s.carrier.fingerprintOrEmpty()
		status.Fields, status.Usage = g.metrics.mostRemoved(), s.limits.Usage(g.clock.Now())
		if err := g.counting.Failure(); err != nil {
			problems = append(problems, "every replica keeps its part of the limits: "+err.Error())
		}
		for name, c := range s.credential {
			serving := c.auth.Serving()
			proof := config.CredentialProof{Name: name, Proof: serving.Proof(nonce)}
			if f := c.auth.Failure(); f != nil {
				proof.Failure = string(f.Class)
				if serving != s.content[name] {
					problems = append(problems, fmt.Sprintf("credential %s: the previous content is served until its token ends: %s", name, f))
				}
			}
			status.Credentials = append(status.Credentials, proof)
		}
	}
	slices.SortFunc(status.Credentials, func(a, b config.CredentialProof) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(problems)
	status.LastError = strings.Join(problems, "; ")
	return status
}
