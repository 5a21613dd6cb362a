package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carrier-operator/carrier-operator/internal/carrier"
	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const maxConfigBytes = 4 << 20 // a ConfigMap holds at most 1 MiB

// Paths say where the gateway's files are; package config has the defaults.
type Paths struct {
	ConfigFile     string
	ServerTLSDir   string
	CarrierTLSDir  string
	CredentialsDir string
	StateDir       string
	CallbacksDir   string
	LimitStoreDir  string
	UsageFile      string
	// RefreshTokensDir may be missing.
	RefreshTokensDir string
}

// inputs are all files that a snapshot is built from, as they were read at one time.
type inputs struct {
	config      *config.Config
	server      *keyPair
	carrier     *keyPair // nil: none
	credentials map[string]*carrier.Credential
	// refreshTokens are what the operator keeps of chains of refresh tokens, by credential.
	refreshTokens map[string]*config.RefreshToken
	// callbackSecrets are the keys of each callback's Secret; none where it does not exist.
	callbackSecrets map[string]map[string][]byte
	// storeSecret are the keys of the limit store's Secret; none where it does not exist.
	storeSecret map[string][]byte
}

// keyPair is a certificate with its key.
type keyPair struct {
	certificate tls.Certificate
	fingerprint string // SHA-256 of the leaf, hexadecimal
}

func (k *keyPair) fingerprintOrEmpty() string {
	if k == nil {
		return ""
	}
	return k.fingerprint
}

func readInputs(p Paths) (*inputs, error) {
	in := &inputs{credentials: map[string]*carrier.Credential{}, refreshTokens: map[string]*config.RefreshToken{}, callbackSecrets: map[string]map[string][]byte{}}
	var err error
	if in.config, err = readConfig(p.ConfigFile); err != nil {
		return nil, err
	}
	if in.server, err = readKeyPair(p.ServerTLSDir); err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	if in.config.CarrierClientCertificate {
		if in.carrier, err = readKeyPair(p.CarrierTLSDir); err != nil {
			return nil, fmt.Errorf("client certificate for the carrier: %w", err)
		}
	}
	for _, c := range in.config.Credentials {
		if !isFolderName(c.Name) {
			return nil, fmt.Errorf("credential name %q cannot be a folder's name", c.Name)
		}
		if in.credentials[c.Name], err = carrier.ReadCredential(c.Name, filepath.Join(p.CredentialsDir, c.Name)); err != nil {
			return nil, err
		}
		if in.refreshTokens[c.Name], err = readRefreshToken(filepath.Join(p.RefreshTokensDir, c.Name)); err != nil {
			return nil, fmt.Errorf("refresh token of the credential %s: %w", c.Name, err)
		}
	}
	for _, c := range in.config.Callbacks {
		if !isFolderName(c.Name) {
			return nil, fmt.Errorf("callback name %q cannot be a folder's name", c.Name)
		}
		// Without a Secret the callback refuses all calls; the way to the carrier does not depend on it.
		secret, _ := carrier.ReadSecret(filepath.Join(p.CallbacksDir, c.Name))
		for key, value := range secret {
			secret[key] = config.TrimCredential(value)
		}
		in.callbackSecrets[c.Name] = secret
	}
	if in.config.LimitStore != nil {
		// Without its Secret the store refuses, and every replica keeps its part of the limits.
		in.storeSecret, _ = carrier.ReadSecret(p.LimitStoreDir)
		for key, value := range in.storeSecret {
			in.storeSecret[key] = config.TrimCredential(value)
		}
	}
	return in, nil
}

func isFolderName(name string) bool {
	return name != "" && name == filepath.Base(name) && !strings.HasPrefix(name, ".")
}

// readRefreshToken returns nil where there is no file. A broken one is an error: to go on with the refresh token of the credential,
// which has been used, may make the carrier end the whole consent.
func readRefreshToken(path string) (*config.RefreshToken, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is no error
	}
	if err != nil {
		return nil, err
	}
	t := &config.RefreshToken{}
	if json.Unmarshal(data, t) != nil { // not quoted: it may show the token
		return nil, errors.New("the file is not what the operator writes")
	}
	return t, nil
}

func readConfig(path string) (*config.Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxConfigBytes {
		return nil, errors.New("configuration: the file is larger than 4 MiB")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c := &config.Config{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("configuration: the file does not parse: %w", err)
	}
	return c, nil
}

// readKeyPair reads tls.crt and tls.key. A pair that does not match, as in the middle of a change, is an error.
func readKeyPair(dir string) (*keyPair, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(pair.Leaf.Raw)
	return &keyPair{certificate: pair, fingerprint: hex.EncodeToString(sum[:])}, nil
}

func (k *keyPair) checkTime(now time.Time) error {
	if now.After(k.certificate.Leaf.NotAfter) {
		return fmt.Errorf("it expired at %s", k.certificate.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// fingerprint changes when a file may have. The kubelet swaps the symbolic link ..data, so its target is enough for a mounted
// folder; elsewhere size, time and inode of each file tell.
func (p Paths) fingerprint() string {
	var b strings.Builder
	dirs := []string{filepath.Dir(p.ConfigFile), p.ServerTLSDir, p.CarrierTLSDir, p.RefreshTokensDir, p.LimitStoreDir}
	for _, parent := range []string{p.CredentialsDir, p.CallbacksDir} {
		entries, _ := os.ReadDir(parent)
		for _, e := range entries {
			dirs = append(dirs, filepath.Join(parent, e.Name()))
		}
	}
	for _, dir := range slices.Compact(dirs) {
		fmt.Fprintf(&b, "%s\n", dir)
		if target, err := os.Readlink(filepath.Join(dir, "..data")); err == nil {
			fmt.Fprintf(&b, "%s\n", target)
			continue
		}
		files, _ := os.ReadDir(dir)
		for _, f := range files {
			if info, err := os.Stat(filepath.Join(dir, f.Name())); err == nil {
				fmt.Fprintf(&b, "%s %d %d %v\n", f.Name(), info.Size(), info.ModTime().UnixNano(), inode(info))
			}
		}
	}
	return b.String()
}
