package carrier

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// store keeps tokens and back-offs over a restart of the container, so that a crash loop does not become a storm of token requests.
// Files are readable to the gateway alone; their names are keyed digests, from which nothing about a credential can be found out.
type store struct {
	dir  string // empty: nothing is kept
	salt [32]byte
}

// saved is what is kept about one content of a credential.
type saved struct {
	Token    *Token   `json:"token,omitempty"`
	Failure  *Failure `json:"failure,omitempty"`
	Failures int      `json:"failures,omitempty"`
}

func openStore(dir string) (*store, error) {
	s := &store{dir: dir}
	rand.Read(s.salt[:])
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	path := filepath.Join(dir, "salt")
	switch old, err := os.ReadFile(path); {
	case err == nil && len(old) == len(s.salt):
		copy(s.salt[:], old)
		return s, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := s.put("salt", s.salt[:]); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return s, nil
}

// key is the name under which something about identity is kept.
func (s *store) key(identity []string) string {
	mac := hmac.New(sha256.New, s.salt[:])
	for _, part := range identity {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *store) read(key string) (v saved) {
	s.get(key+".json", &v)
	return v
}

// write keeps v. Failing to is no reason to fail a request: the store is a cache.
func (s *store) write(key string, v saved) {
	_ = s.putJSON(key+".json", v)
}

func (s *store) readHosts() map[string]time.Time {
	hosts := map[string]time.Time{}
	s.get("hosts.json", &hosts)
	return hosts
}

func (s *store) writeHosts(hosts map[string]time.Time) {
	_ = s.putJSON("hosts.json", hosts)
}

func (s *store) get(name string, v any) {
	if s.dir == "" {
		return
	}
	if data, err := os.ReadFile(filepath.Join(s.dir, name)); err == nil {
		_ = json.Unmarshal(data, v) // a broken file counts as none
	}
}

func (s *store) putJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.put(name, data)
}

// put replaces a file as a whole, so that a crash leaves the old one or the new one.
func (s *store) put(name string, data []byte) error {
	if s.dir == "" {
		return nil
	}
	f, err := os.CreateTemp(s.dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
