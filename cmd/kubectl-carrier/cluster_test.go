//go:build envtest

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// server is the API server that the tests share.
var server *rest.Config

func TestMain(m *testing.M) {
	environment := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	var err error
	if server, err = environment.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "make test-controllers sets KUBEBUILDER_ASSETS:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := environment.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// shop is a namespace with a policy, and the file to reach it with.
type shop struct {
	t          *testing.T
	client     client.Client
	kubeconfig string
	namespace  string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	s := &shop{t: t, kubeconfig: filepath.Join(t.TempDir(), "config")}
	var err error
	if s.client, err = client.New(server, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{GenerateName: "shop-"}
	if err := s.client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	s.namespace = namespace.Name
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.Host, CertificateAuthorityData: server.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: server.CertData, ClientKeyData: server.KeyData}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: s.namespace}
	config.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*config, s.kubeconfig); err != nil {
		t.Fatal(err)
	}
	policy := &v1alpha1.RetentionPolicy{
		Name: "shipments", Namespace: s.namespace,
		Spec: v1alpha1.RetentionPolicySpec{
			Schedule: "0 3 * * *", Mode: v1alpha1.RunPurge, StoreRef: v1alpha1.LocalReference{Name: "orders"},
			Rules: []v1alpha1.RetentionRule{{
				Name: "events", Collection: "public.events", Keep: v1alpha1.KeepPeriod{Days: 30}, Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete},
				Clock: v1alpha1.RetentionClock{Field: "at", Unit: v1alpha1.ClockTimestampTZ, WhenNull: v1alpha1.NullClockKeep},
			}},
		},
	}
	if err := s.client.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) policy() *v1alpha1.RetentionPolicy {
	s.t.Helper()
	policy := &v1alpha1.RetentionPolicy{}
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "shipments"}, policy); err != nil {
		s.t.Fatal(err)
	}
	return policy
}

var asked = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// carrier runs the plugin against the shop's cluster.
func (s *shop) carrier(args ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	code = Run(append(args, "--kubeconfig", s.kubeconfig), Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, testclock.NewFakePassiveClock(asked))
	return code, stdout.String(), stderr.String()
}

func TestRunAndPreviewAskByAnnotation(t *testing.T) {
	for command, annotation := range map[string]string{"run": v1alpha1.AnnotationRunRequestedAt, "preview": v1alpha1.AnnotationPreviewRequestedAt} {
		t.Run(command, func(t *testing.T) {
			s := newShop(t)
			code, out, errOut := s.carrier("purge", command, "shipments", "--wait=false")
			if got := s.policy().Annotations[annotation]; code != exitOK || got != asked.Format(time.RFC3339) || !strings.Contains(out, s.namespace+"/shipments") {
				t.Errorf("code %d, annotation %q, out %q, err %q", code, got, out, errOut)
			}
		})
	}
}

func TestPauseAndResumeSetTheState(t *testing.T) {
	s := newShop(t)
	if code, _, errOut := s.carrier("purge", "pause", "shipments"); code != exitOK || s.policy().Spec.State != v1alpha1.PolicySuspended {
		t.Fatalf("code %d, state %q, err %q", code, s.policy().Spec.State, errOut)
	}
	if code, _, errOut := s.carrier("purge", "run", "shipments"); code != exitFailed || !strings.Contains(errOut, "resume it first") {
		t.Errorf("a run of a suspended policy: code %d, err %q", code, errOut)
	}
	if code, _, errOut := s.carrier("purge", "resume", "shipments"); code != exitOK || s.policy().Spec.State != v1alpha1.PolicyActive {
		t.Errorf("code %d, state %q, err %q", code, s.policy().Spec.State, errOut)
	}
}

func TestMistakesAreExplained(t *testing.T) {
	s := newShop(t)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no such policy":    {[]string{"purge", "run", "nothing"}, `"nothing" not found`},
		"no such store":     {[]string{"datastore", "scan", "nothing"}, `"nothing" not found`},
		"no such namespace": {[]string{"purge", "pause", "shipments", "-n", "elsewhere"}, "reading RetentionPolicy elsewhere/shipments"},
		"no such context":   {[]string{"purge", "pause", "shipments", "--context", "y"}, `context "y" does not exist`},
		"no runs":           {[]string{"purge", "verify", "--unsigned"}, "there are no PurgeRuns to check"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, errOut := s.carrier(tc.args...); code != exitFailed || !strings.Contains(errOut, tc.want) {
				t.Errorf("code %d, err %q, want %q", code, errOut, tc.want)
			}
		})
	}
}

// The test plays the operator, which makes the run, and the purger, which ends it.
func TestRunIsFollowedToItsEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		complete metav1.ConditionStatus
		reason   string
		code     int
	}{
		"well":  {metav1.ConditionTrue, v1alpha1.ReasonCompleted, exitOK},
		"badly": {metav1.ConditionFalse, v1alpha1.ReasonCapExceeded, exitFindings},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			policy := s.policy()
			run := &v1alpha1.PurgeRun{Name: "shipments-20261124120000r", Namespace: s.namespace, Spec: v1alpha1.PurgeRunSpec{
				PolicyRef: v1alpha1.LocalReference{Name: "shipments"}, PolicyUID: string(policy.UID), PolicyGeneration: 1, RulesDigest: strings.Repeat("0", 64),
				StoreRef: v1alpha1.LocalReference{Name: "orders"}, Mode: v1alpha1.RunPurge, Trigger: v1alpha1.TriggerRequest, Slot: metav1.NewTime(asked),
				Cutoffs: []v1alpha1.RuleCutoff{{Rule: "events", Before: metav1.NewTime(asked.AddDate(0, 0, -30))}},
			}}
			if err := s.client.Create(t.Context(), run); err != nil {
				t.Fatal(err)
			}
			run.Status = v1alpha1.PurgeRunStatus{StopReason: tc.reason, Summary: "9/10", ObservedGeneration: 1, Conditions: []metav1.Condition{{
				Type: v1alpha1.ConditionComplete, Status: tc.complete, Reason: tc.reason, Message: "as it was", LastTransitionTime: metav1.NewTime(asked)}}}
			if err := s.client.Status().Update(t.Context(), run); err != nil {
				t.Fatal(err)
			}
			code, out, errOut := s.carrier("purge", "run", "shipments", "--timeout", "1m")
			if code != tc.code || !strings.Contains(out, run.Name+": "+tc.reason+" 9/10: as it was") {
				t.Errorf("code %d\nout: %s\nerr: %s", code, out, errOut)
			}
		})
	}
}
