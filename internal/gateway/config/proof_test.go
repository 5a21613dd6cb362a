package config

import "testing"

func TestCredentialProof(t *testing.T) {
	nonce := []byte("0123456789abcdef0123456789abcdef")
	base := map[string][]byte{"clientID": []byte("id"), "clientSecret": []byte("secret")}
	want := CredentialProofOf(nonce, base)

	tests := map[string]struct {
		nonce []byte
		data  map[string][]byte
		equal bool
	}{
		"the same content proves the same":          {nonce, map[string][]byte{"clientSecret": []byte("secret"), "clientID": []byte("id")}, true},
		"a newline at the end does not matter":      {nonce, map[string][]byte{"clientID": []byte("id\n"), "clientSecret": []byte("secret\r\n")}, true},
		"another secret proves otherwise":           {nonce, map[string][]byte{"clientID": []byte("id"), "clientSecret": []byte("secret2")}, false},
		"another nonce proves otherwise":            {[]byte("x"), base, false},
		"bytes cannot move between key and value":   {nonce, map[string][]byte{"clientIDi": []byte("d"), "clientSecret": []byte("secret")}, false},
		"bytes cannot move between values":          {nonce, map[string][]byte{"clientID": []byte("ids"), "clientSecret": []byte("ecret")}, false},
		"a missing key proves otherwise":            {nonce, map[string][]byte{"clientID": []byte("id")}, false},
		"white space inside of a value does matter": {nonce, map[string][]byte{"clientID": []byte("i d"), "clientSecret": []byte("secret")}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := CredentialProofOf(tc.nonce, tc.data) == want; got != tc.equal {
				t.Errorf("equal = %v, want %v", got, tc.equal)
			}
		})
	}
}
