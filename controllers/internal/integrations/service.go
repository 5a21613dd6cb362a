package integrations

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/internal/ssa"
)

// defaultRedisPort of a limit store.
const defaultRedisPort = 6379

// ServicePort is a port of a Service, in the integration's namespace, that the gateway talks to.
type ServicePort struct {
	// Use says what for, for messages: "callback tracking".
	Use     string
	Service string
	Port    int32
}

// Services are all that the gateway talks to.
func Services(ci *v1alpha1.CarrierIntegration) (ports []ServicePort) {
	for _, c := range ci.Spec.Callbacks {
		ports = append(ports, ServicePort{Use: "callback " + c.Name, Service: c.ForwardTo.Service, Port: c.ForwardTo.Port})
	}
	if redis := ci.Spec.LimitStore.Redis; redis.Service != "" {
		ports = append(ports, ServicePort{Use: "the limit store", Service: redis.Service, Port: LimitStorePort(&redis)})
	}
	return ports
}

// LimitStorePort is the port of a limit store's Service.
func LimitStorePort(redis *v1alpha1.RedisLimitStore) int32 {
	return cmp.Or(redis.Port, defaultRedisPort)
}

// ReadServices reads the Services by name. problem says what is wrong with the first that the gateway cannot talk to; found are the others.
func ReadServices(ctx context.Context, reader client.Reader, ci *v1alpha1.CarrierIntegration) (found map[string]*corev1.Service, problem string, err error) {
	found = map[string]*corev1.Service{}
	for _, p := range Services(ci) {
		s, err := ssa.Get(ctx, reader, ci.Namespace, p.Service, &corev1.Service{})
		if err != nil {
			return nil, "", err
		}
		if wrong := checkService(s, p); wrong != "" {
			problem = cmp.Or(problem, wrong)
			continue
		}
		found[p.Service] = s
	}
	return found, problem, nil
}

// checkService says why the gateway cannot talk to a Service: policies need its selector, and the gateway, which has no DNS, its address.
func checkService(s *corev1.Service, p ServicePort) string {
	switch {
	case s == nil:
		return fmt.Sprintf("%s: Service %q does not exist: create it or correct its name", p.Use, p.Service)
	case len(s.Spec.Selector) == 0:
		return fmt.Sprintf("%s: Service %q has no selector, so no policy can name its pods: use a Service that selects pods", p.Use, p.Service)
	case s.Spec.Type == corev1.ServiceTypeExternalName || net.ParseIP(s.Spec.ClusterIP) == nil:
		return fmt.Sprintf("%s: Service %q has no cluster IP: use a Service of type ClusterIP that is not headless", p.Use, p.Service)
	case !slices.ContainsFunc(s.Spec.Ports, func(sp corev1.ServicePort) bool { return sp.Port == p.Port && isTCP(sp) }):
		return fmt.Sprintf("%s: Service %q has no TCP port %d: correct the port", p.Use, p.Service, p.Port)
	}
	return ""
}

func isTCP(p corev1.ServicePort) bool { return p.Protocol == corev1.ProtocolTCP || p.Protocol == "" }

// ServiceAddress is ip:port of a Service that ReadServices found.
func ServiceAddress(s *corev1.Service, port int32) string {
	return net.JoinHostPort(s.Spec.ClusterIP, strconv.Itoa(int(port)))
}

func services(ci *v1alpha1.CarrierIntegration) []string {
	var names []string
	for _, p := range Services(ci) {
		names = append(names, p.Service)
	}
	return names
}
