package cluster

import (
	"fmt"
	"net"
	"time"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/netns"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/pki"
)

func (c *Cluster) pki(name string) string { return c.path("pki", name) }

// certificates is everything that the parts of the cluster show to each other.
func (c *Cluster) certificates() pki.Set {
	ips := func(addresses ...string) (list []net.IP) {
		for _, a := range addresses {
			list = append(list, net.ParseIP(a))
		}
		return list
	}
	return pki.Set{
		CAs: []string{"ca", "front-proxy-ca", "etcd-ca"},
		Leaves: []pki.Leaf{
			{
				Name: "apiserver", CA: "ca", CommonName: "kube-apiserver",
				DNS: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"},
				IPs: ips(netns.APIServiceIP, c.Node, "127.0.0.1"),
			},
			{Name: "kubelet", CA: "ca", CommonName: c.NodeName(), DNS: []string{c.NodeName()}, IPs: ips(c.Node, "127.0.0.1")},
			{Name: "etcd", CA: "etcd-ca", CommonName: "etcd", DNS: []string{"localhost"}, IPs: ips("127.0.0.1")},
			{Name: "etcd-client", CA: "etcd-ca", CommonName: "kube-apiserver"},
			{Name: "front-proxy-client", CA: "front-proxy-ca", CommonName: "front-proxy-client"},
			{Name: "admin", CA: "ca", CommonName: "admin", Organization: []string{"system:masters"}},
			{Name: "apiserver-kubelet-client", CA: "ca", CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
			{Name: "node", CA: "ca", CommonName: "system:node:" + c.NodeName(), Organization: []string{"system:nodes"}},
			{Name: "kube-controller-manager", CA: "ca", CommonName: "system:kube-controller-manager"},
			{Name: "kube-scheduler", CA: "ca", CommonName: "system:kube-scheduler"},
			{Name: "kube-proxy", CA: "ca", CommonName: "system:kube-proxy"},
			{Name: "kube-router", CA: "ca", CommonName: "devcluster:kube-router"},
		},
		Keys: []string{"service-accounts"},
	}
}

// kubeconfigs names, for each file in conf/, the client certificate it uses.
var kubeconfigs = []string{"node", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kube-router"}

// ensurePKI makes certificates and kubeconfigs. If the certificates are new, whatever has read the
// old ones is ended, so that it starts with the new.
func (c *Cluster) ensurePKI() error {
	renewed, err := pki.Ensure(c.path("pki"), c.certificates(), time.Now())
	if err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	if renewed {
		if err := c.stopParts(); err != nil {
			return err
		}
	}
	for _, name := range kubeconfigs {
		file := c.path("conf", name+".kubeconfig")
		if err := pki.WriteKubeconfig(file, c.Name, c.Server(), c.path("pki"), "ca", name); err != nil {
			return err
		}
	}
	return pki.WriteKubeconfig(c.Kubeconfig(), "devcluster-"+c.Name, c.Server(), c.path("pki"), "ca", "admin")
}

// ensureInternetPKI makes the authority for servers in the internet namespace and PostgreSQL's certificate.
func (c *Cluster) ensureInternetPKI() error {
	_, err := pki.Ensure(c.path("internet"), pki.Set{
		CAs: []string{"ca"},
		Leaves: []pki.Leaf{{
			Name: "postgres", CA: "ca", CommonName: "postgres.example", DNS: []string{"postgres.example"},
			IPs: []net.IP{net.ParseIP(netns.PostgresIP), net.ParseIP(c.Internet)},
		}},
	}, time.Now())
	return err
}
