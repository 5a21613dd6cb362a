// Package network owns condition NetworkReady of a CarrierIntegration: it is the only resolver of the carrier's names, publishes their
// addresses in status.network, and holds the gateway to them with NetworkPolicies.
package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/internal/integration"
	"github.com/carrier-operator/carrier-operator/internal/network"
)

// outcome is what asking for one host came to.
type outcome struct {
	host   integration.Host
	answer network.Answer
	// left is how much longer the answer lives.
	left time.Duration
	err  error
}

// plan is what to publish, what to say and when to ask again.
type plan struct {
	hosts []v1alpha1.HostStatus
	// ranges that the carrier publishes, by host.
	ranges    map[string][]netip.Prefix
	condition metav1.Condition
	next      time.Time
}

// retryAfterFailure is when a name that did not resolve is asked for again.
const retryAfterFailure = 30 * time.Second

// decide takes the answers into the published sets. An address that no carrier can have, or a failing resolver, leaves the last good set
// in place.
func decide(published []v1alpha1.HostStatus, outcomes []outcome, exceptions, cluster []netip.Prefix, now time.Time) plan {
	p := plan{condition: metav1.Condition{Type: v1alpha1.ConditionNetworkReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded}}
	var counts []string
	for _, o := range outcomes {
		set := readSet(published, o.host.String(), exceptions, cluster)
		bad := o.err == nil && p.refuse(&o, exceptions, cluster)
		if o.err == nil && !bad {
			set = set.Update(o.answer, now)
			p.cut(&o)
			p.askAgain(now.Add(o.left))
		} else {
			p.askAgain(now.Add(retryAfterFailure))
		}
		if o.err != nil {
			p.fail(&o, len(set.Addresses) > 0)
		}
		if at := set.NextChange(); !at.IsZero() {
			p.askAgain(at)
		}
		p.hosts = append(p.hosts, writeSet(o.host.String(), set))
		counts = append(counts, fmt.Sprintf("%s has %d", o.host, len(set.Addresses)))
	}
	if p.condition.Message == "" {
		p.condition.Message = "published addresses: " + strings.Join(counts, ", ")
	}
	return p
}

func (p *plan) askAgain(at time.Time) {
	if p.next.IsZero() || at.Before(p.next) {
		p.next = at
	}
}

// condemn makes the condition false for something that a person has to decide. The first such thing is told.
func (p *plan) condemn(format string, args ...any) {
	if p.condition.Reason != v1alpha1.ReasonAddressRefused {
		p.condition.Status, p.condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonAddressRefused
		p.condition.Message = fmt.Sprintf(format, args...)
	}
}

// refuse says whether an answer holds an address that no carrier can have. One such address condemns the answer: it is a sign of
// poisoning or of a carrier on a private line, and both are for a person to decide.
func (p *plan) refuse(o *outcome, exceptions, cluster []netip.Prefix) bool {
	for _, a := range o.answer.Addresses {
		if err := network.CheckAddress(a, exceptions, cluster); err != nil {
			p.condemn("%s resolves to an address that is refused: %v. If the carrier is really there, add its range to spec.network.exceptionCIDRs; otherwise look into your DNS",
				o.host.Name, err)
			return true
		}
	}
	return false
}

// cut tells that a name has more addresses than are published; it works all the same.
func (p *plan) cut(o *outcome) {
	if used := len(o.answer.Addresses); o.answer.Total > used && p.condition.Reason == v1alpha1.ReasonSucceeded {
		p.condition.Reason = v1alpha1.ReasonAddressesCut
		p.condition.Message = fmt.Sprintf("%s answers %d addresses, of which %d are used. If the carrier publishes its ranges, name them in the profile: endpoints[].staticCIDRs",
			o.host.Name, o.answer.Total, used)
	}
}

// fail reports a name that did not resolve. With earlier addresses the integration goes on; a refused address is told first.
func (p *plan) fail(o *outcome, haveEarlier bool) {
	switch {
	case errors.Is(o.err, network.ErrClusterName):
		p.condemn("%v: look into your DNS; the last good addresses, if any, stay in use", o.err)
	case p.condition.Reason == v1alpha1.ReasonAddressRefused:
	case !haveEarlier:
		p.condition.Status, p.condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonResolveFailed
		p.condition.Message = fmt.Sprintf("%s does not resolve: %v. Check the profile's host name and the operator's DNS; it is tried again every %s", o.host.Name, o.err, retryAfterFailure)
	case p.condition.Status == metav1.ConditionTrue:
		p.condition.Reason = v1alpha1.ReasonResolveStale
		p.condition.Message = fmt.Sprintf("%s does not resolve; its last good addresses stay in use: %v", o.host.Name, o.err)
	}
}

// addRanges takes in the ranges that the profile says the carrier publishes. One that holds an address which no carrier can have is left
// out: a range in a profile must not open what an answer could not.
func (p *plan) addRanges(endpoints []v1alpha1.Endpoint, exceptions, cluster []netip.Prefix) {
	p.ranges = map[string][]netip.Prefix{}
	for _, e := range endpoints {
		host, err := integration.ParseHost(e.URL)
		if err != nil {
			continue // told by condition ProfileResolved
		}
		ranges, err := network.ParsePrefixes(e.StaticCIDRs)
		if err != nil {
			p.condemn("staticCIDRs of the profile's endpoint %s: %v", e.Role, err)
		}
		for _, r := range ranges {
			if err := network.CheckRange(r, exceptions, cluster); err != nil {
				p.condemn("staticCIDRs of the profile's endpoint %s: %v. Correct the profile, or, if the carrier is really there, add the range to spec.network.exceptionCIDRs", e.Role, err)
				continue
			}
			p.ranges[host.String()] = append(p.ranges[host.String()], r)
		}
	}
}

// backed tells of the ClusterNetworkPolicy behind the NetworkPolicy.
func (p *plan) backed(name string) {
	if p.condition.Status == metav1.ConditionTrue {
		p.condition.Message += fmt.Sprintf("; ClusterNetworkPolicy %s denies the gateway all else", name)
	}
}

// unbacked tells that there is none, though there should be; the addresses hold all the same.
func (p *plan) unbacked(name string, err error) {
	if p.condition.Status == metav1.ConditionTrue {
		p.condition.Reason = v1alpha1.ReasonClusterPolicyRefused
		p.condition.Message = fmt.Sprintf("the gateway's NetworkPolicy holds alone, since the API server refuses ClusterNetworkPolicy %s: %v. "+
			"Mend that, or set the manager's flag --cluster-network-policies=Off; %s", name, err, p.condition.Message)
	}
}

// missService adds what is wrong with a Service that the gateway talks to. The addresses hold without it: what it is for does not work.
func (p *plan) missService(problem string) {
	if problem != "" {
		p.condition.Message += "; " + problem
	}
}

// readSet reads a host's published set. Addresses that are refused by now (an exception was taken back) are left out.
func readSet(published []v1alpha1.HostStatus, host string, exceptions, cluster []netip.Prefix) network.Set {
	set := network.Set{Retiring: map[netip.Addr]time.Time{}}
	i := slices.IndexFunc(published, func(h v1alpha1.HostStatus) bool { return h.Host == host })
	if i < 0 {
		return set
	}
	for _, text := range published[i].Addresses {
		if a, err := netip.ParseAddr(text); err == nil && network.CheckAddress(a, exceptions, cluster) == nil {
			set.Addresses = append(set.Addresses, a)
		}
	}
	for _, r := range published[i].Retiring {
		if a, err := netip.ParseAddr(r.Address); err == nil && slices.Contains(set.Addresses, a) {
			set.Retiring[a] = r.Until.Time
		}
	}
	return set
}

func writeSet(host string, set network.Set) v1alpha1.HostStatus {
	status := v1alpha1.HostStatus{Host: host}
	for _, a := range set.Addresses {
		status.Addresses = append(status.Addresses, a.String())
		if until, retiring := set.Retiring[a]; retiring {
			status.Retiring = append(status.Retiring, v1alpha1.RetiringAddress{Address: a.String(), Until: metav1.NewTime(until)})
		}
	}
	return status
}
