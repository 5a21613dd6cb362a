package carrier

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

const maxCredentialBytes = 1 << 20 // as Kubernetes bounds a Secret

// Credential is the content of a credential's Secret. It prints as nothing, so that no log line can hold it by mistake.
type Credential struct {
	name   string
	values map[string][]byte
	used   *[]string // notes what is read, where that is wanted
}

// NewCredential keeps the values as they are; white space around them is not part of them.
func NewCredential(name string, values map[string][]byte) *Credential {
	return &Credential{name: name, values: values}
}

// ReadCredential reads the folder of a credential's mounted Secret.
func ReadCredential(name, dir string) (*Credential, error) {
	values, err := ReadSecret(dir)
	if err != nil {
		return nil, fmt.Errorf("credential %s: %w", name, err)
	}
	return NewCredential(name, values), nil
}

// ReadSecret reads the folder of a mounted Secret: one file a key. Names that start with ".." belong to the kubelet.
func ReadSecret(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	values := map[string][]byte{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // keys are symbolic links
		if err != nil || strings.HasPrefix(e.Name(), "..") || !info.Mode().IsRegular() {
			continue
		}
		if info.Size() > maxCredentialBytes {
			return nil, fmt.Errorf("key %s is larger than 1 MiB", e.Name())
		}
		if values[e.Name()], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Name is the credential's name in the integration.
func (c *Credential) Name() string { return c.name }

// Proof is config.CredentialProofOf the content.
func (c *Credential) Proof(nonce []byte) string { return config.CredentialProofOf(nonce, c.values) }

// String says nothing but the name.
func (c *Credential) String() string { return "credential " + c.name }

// GoString says nothing but the name.
func (c *Credential) GoString() string { return c.String() }

// noting is the same credential; what is read from it is noted in used, names and values alike.
func (c *Credential) noting(used *[]string) *Credential { return &Credential{c.name, c.values, used} }

// raw is the value of a key, which may have several lines; empty without the key.
func (c *Credential) raw(key string) []byte {
	v := config.TrimCredential(c.values[key])
	if c.used != nil {
		*c.used = append(*c.used, key, string(v))
	}
	return v
}

func (c *Credential) empty(key string) bool { return len(c.raw(key)) == 0 }

// value returns the value of a key that must exist and must not be empty.
func (c *Credential) value(key string) (string, error) {
	v := c.raw(key)
	if len(v) == 0 {
		return "", fmt.Errorf("credential %s: the Secret has no value under the key %s", c.name, key)
	}
	for _, b := range v {
		if b < ' ' && b != '\t' || b == 0x7f {
			return "", fmt.Errorf("credential %s: the value under the key %s holds a line break or control character", c.name, key)
		}
	}
	return string(v), nil
}

// headers resolves secret headers.
func (c *Credential) headers(list []config.SecretHeader) ([]header, error) {
	var out []header
	for _, h := range list {
		if h.Optional && c.empty(h.Key) {
			continue
		}
		v, err := c.value(h.Key)
		if err != nil {
			return nil, err
		}
		out = append(out, header{h.Name, h.Prefix + v})
	}
	return out, nil
}

type header struct{ name, value string }
