// Package networkoracle has the generated policies judged by an engine that nobody of this project wrote: that of
// kube-network-policies. It is a module of its own, since the engine's dependencies are none of the product.
package networkoracle

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	packets "sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	clusterpolicy "sigs.k8s.io/kube-network-policies/plugins/npa-v1alpha2"
	npav1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"
)

// Namespaces of the world.
const (
	shop    = "shop"
	other   = "other"
	system  = "carrier-system"
	ingress = "ingress"
)

// end of a flow: a pod, or an address outside of the cluster.
type end struct {
	pod     *corev1.Pod
	address netip.Addr
}

func (e end) String() string {
	if e.pod == nil {
		return e.address.String()
	}
	return fmt.Sprintf("pod %s/%s %v", e.pod.Namespace, e.pod.Name, e.pod.Labels)
}

// judge is the engine, with the policies of one integration and the pods of the world.
type judge struct {
	engine   *networkpolicy.PolicyEngine
	policies cache.Indexer
	// clusterPolicies come before policies. Nothing is there unless a test adds some.
	clusterPolicies cache.Indexer
	pods            map[string]*api.PodInfo
}

func (j *judge) GetPodInfoByIP(ip string) (*api.PodInfo, bool) {
	pod, found := j.pods[ip]
	return pod, found
}

func newJudge() *judge {
	j := &judge{}
	factory := informers.NewSharedInformerFactory(kubernetes.New(nil), 0) // nothing is ever asked for
	standard := networkpolicy.NewStandardNetworkPolicy("node", factory.Core().V1().Namespaces(), factory.Core().V1().Pods(), factory.Networking().V1().NetworkPolicies())
	j.policies = factory.Networking().V1().NetworkPolicies().Informer().GetIndexer()
	cluster := npainformers.NewSharedInformerFactory(versioned.New(nil), 0).Policy().V1alpha2().ClusterNetworkPolicies()
	j.clusterPolicies = cluster.Informer().GetIndexer()
	admin := clusterpolicy.NewClusterNetworkPolicy(npav1alpha2.AdminTier, cluster, nil, factory.Core().V1().Nodes().Lister())
	j.engine = networkpolicy.NewPolicyEngine(j, []api.PolicyEvaluator{admin, standard})
	return j
}

// hold gives the engine policies and pods, in place of those of before.
func (j *judge) hold(t *testing.T, policies []*networkingv1.NetworkPolicy, pods []*corev1.Pod) {
	t.Helper()
	var objects []any
	for _, p := range policies {
		objects = append(objects, p)
	}
	if err := j.policies.Replace(objects, ""); err != nil {
		t.Fatal(err)
	}
	j.pods = map[string]*api.PodInfo{}
	for _, pod := range pods {
		j.pods[pod.Status.PodIP] = api.NewPodInfo(pod, map[string]string{corev1.LabelMetadataName: pod.Namespace}, nil, "")
	}
}

// allows asks the engine about a new connection.
func (j *judge) allows(t *testing.T, from, to end, port int32, protocol corev1.Protocol) bool {
	t.Helper()
	packet := &packets.Packet{SrcIP: net.IP(from.address.AsSlice()), DstIP: net.IP(to.address.AsSlice()), SrcPort: 40_000, DstPort: int(port), Proto: protocol}
	allowed, err := j.engine.EvaluatePacket(context.Background(), packet)
	if err != nil {
		t.Fatal(err)
	}
	return allowed
}

// asServed turns apply configurations into what the API server holds after they were applied.
func asServed[P, C any](t *testing.T, configs ...C) []*P {
	t.Helper()
	var policies []*P
	for _, config := range configs {
		encoded, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		p := new(P)
		if err := json.Unmarshal(encoded, p); err != nil {
			t.Fatal(err)
		}
		policies = append(policies, p)
	}
	return policies
}

func newPod(namespace, name, ip string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
			{Name: "web", ContainerPort: 8081, Protocol: corev1.ProtocolTCP}}}}},
		Status: corev1.PodStatus{PodIP: ip},
	}
}
