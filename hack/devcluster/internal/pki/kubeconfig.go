package pki

import (
	"encoding/base64"
	"fmt"
	"os"
)

const kubeconfig = `apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[1]s}
current-context: %[1]s
`

// WriteKubeconfig writes a self-contained kubeconfig for the client certificate called leaf.
func WriteKubeconfig(file, cluster, server, dir, ca, leaf string) error {
	var data [3]string
	for i, name := range []string{CertFile(dir, ca), CertFile(dir, leaf), KeyFile(dir, leaf)} {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		data[i] = base64.StdEncoding.EncodeToString(content)
	}
	return os.WriteFile(file, fmt.Appendf(nil, kubeconfig, cluster, server, data[0], data[1], data[2]), 0o600)
}
