//go:build envtest

package purgerun_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// prepare completes objects that the API server takes only with a body.
func prepare(object client.Object) {
	if binding, ok := object.(*rbacv1.RoleBinding); ok {
		binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "some-role"}
	}
}

func answer(request *http.Request, code int32, reason metav1.StatusReason) *http.Response {
	body, _ := json.Marshal(metav1.Status{
		Kind: "Status", APIVersion: "v1", Status: metav1.StatusFailure, Code: code, Reason: reason, Message: "injected"})
	return &http.Response{
		StatusCode: int(code), Request: request, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(body))),
	}
}

type fault = func(http.RoundTripper, *http.Request) (*http.Response, error)

// faults refuse a write, or let it through and lose the answer.
func faults() map[string]fault {
	all := map[string]fault{}
	for name, respond := range map[string]func(*http.Request) (*http.Response, error){
		"409": func(r *http.Request) (*http.Response, error) { return answer(r, 409, metav1.StatusReasonConflict), nil },
		"429": func(r *http.Request) (*http.Response, error) {
			return answer(r, 429, metav1.StatusReasonTooManyRequests), nil
		},
		"500": func(r *http.Request) (*http.Response, error) {
			return answer(r, 500, metav1.StatusReasonInternalError), nil
		},
		"timeout": func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded },
	} {
		all[name+" before"] = func(_ http.RoundTripper, r *http.Request) (*http.Response, error) { return respond(r) }
		all[name+" after"] = func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			_ = response.Body.Close()
			return respond(r)
		}
	}
	return all
}

// One preview from the slot to its end, with one write broken: whichever it is and however it breaks, the same world comes of it.
func TestEveryWriteMayFailBeforeAndAfter(t *testing.T) {
	story := func(w *world) {
		w.create(connectionSecret(), hashKeySecret(), bundle(w.t), store(), policy(), hold("case-4711"))
		w.settle()
		run := w.nextSlot()
		w.purger(run, v1alpha1.ReasonCompleted, 0, 5)
		w.settle()
		w.brief = false
		w.settle()
		w.expect(run, run.Name, v1alpha1.ConditionComplete, metav1.ConditionTrue, v1alpha1.ReasonCompleted)
		w.expect(&v1alpha1.RetentionPolicy{}, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)
		if got := len(w.runs()); got != 1 {
			w.t.Errorf("%d runs", got)
		}
		if status := w.policy().Status; status.MissedSlots != 0 || status.PreviewedRulesDigest != run.Spec.RulesDigest {
			w.t.Errorf("policy status %+v", status)
		}
		for _, child := range childrenOf(run.Name)[:5] {
			if w.get(run.Name, child) {
				w.t.Errorf("%T is left", child)
			}
		}
	}
	undisturbed := newWorld(t)
	story(undisturbed)
	writes := undisturbed.wire.count()
	if writes < 15 {
		t.Fatalf("the story has only %d writes", writes)
	}
	all := faults()
	for start, name := range slices.Sorted(maps.Keys(all)) {
		fault := all[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Each fault meets every eighth write, beginning at another one: together they meet every write.
			for n := 1 + start; n <= writes; n += 8 {
				w := newWorld(t)
				w.brief = true
				w.wire.breakAt, w.wire.fault = n, fault
				story(w)
				if t.Failed() {
					t.Fatal(fmt.Sprintf("after write %d: ", n), w.wire.since(n - 1)[0])
				}
			}
		})
	}
}
