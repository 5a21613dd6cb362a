package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type request struct {
	method, url, certDir, caFile string
	headers                      []string
	timeout                      time.Duration
	body                         []byte
}

func (r *request) register(flags *flag.FlagSet) {
	flags.StringVar(&r.method, "method", http.MethodPost, "method")
	flags.StringVar(&r.url, "url", "", "URL")
	flags.StringVar(&r.certDir, "cert-dir", "", "folder with tls.crt and tls.key; empty: no client certificate")
	flags.StringVar(&r.caFile, "ca", "", "file with the CAs to verify the server with")
	flags.DurationVar(&r.timeout, "timeout", 10*time.Second, "time for one request")
	flags.Func("header", "Name: value; several times", func(v string) error { r.headers = append(r.headers, v); return nil })
}

func parse(name string, args []string, register ...func(*flag.FlagSet)) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	for _, add := range register {
		add(flags)
	}
	return flags.Parse(args)
}

type answer struct {
	Status      int         `json:"status,omitempty"`
	Header      http.Header `json:"header,omitempty"`
	Body        string      `json:"body,omitempty"`
	Certificate string      `json:"certificate,omitempty"`
	// Error says why there was no answer.
	Error string `json:"error,omitempty"`
}

// client reads certificate and CAs anew, as an application does that reloads its files.
func (r *request) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.caFile != "" {
		pem, err := os.ReadFile(r.caFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", r.caFile)
		}
	}
	if r.certDir != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(r.certDir, "tls.crt"), filepath.Join(r.certDir, "tls.key"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{
		Timeout:       r.timeout,
		Transport:     &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (r *request) do(ctx context.Context, client *http.Client) answer {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return answer{Error: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range r.headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, strings.TrimSpace(value))
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{Error: err.Error()}
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return answer{Status: resp.StatusCode, Error: err.Error()}
	}
	result := answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		sum := sha256.Sum256(resp.TLS.PeerCertificates[0].Raw)
		result.Certificate = hex.EncodeToString(sum[:])
	}
	return result
}

func call(ctx context.Context, args []string) (any, error) {
	var r request
	if err := parse("call", args, r.register); err != nil {
		return nil, err
	}
	var err error
	if r.body, err = io.ReadAll(os.Stdin); err != nil {
		return nil, err
	}
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	return r.do(ctx, client), nil
}
