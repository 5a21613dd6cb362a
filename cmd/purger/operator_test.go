//go:build envtest

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	"github.com/carrier-operator/carrier-operator/controllers/datastore"
	"github.com/carrier-operator/carrier-operator/controllers/legalhold"
	"github.com/carrier-operator/carrier-operator/controllers/purgerun"
	"github.com/carrier-operator/carrier-operator/controllers/retention"
	"github.com/carrier-operator/carrier-operator/internal/evidence"
	runplan "github.com/carrier-operator/carrier-operator/internal/retention"
)

const manifests = "../../test/e2e/story/manifests"

var server *rest.Config

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not start: %v\n", err)
		os.Exit(1)
	}
	server = config
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "the API server does not stop: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

// operator is a namespace with the demo's policy on the shop's store, and the operator's controllers, called directly.
type operator struct {
	t         *testing.T
	namespace string
	user      client.Client
	store     *shopStore
	requests  int
	// keys check the evidence.
	keys evidence.Keys
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	user, err := client.New(server, client.Options{Scheme: scheme})
	must(t, err)
	namespace := &corev1.Namespace{GenerateName: "shop-"}
	must(t, user.Create(t.Context(), namespace))
	o := &operator{t: t, namespace: namespace.Name, user: user, store: newShopStore(t)}
	o.create(
		&corev1.Secret{
			Name: "orders-purger", Annotations: map[string]string{v1alpha1.AnnotationAllowedHosts: "127.0.0.1"},
			StringData: map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(o.store.port), "database": "postgres", "username": "carrier_purger", "password": "s3cret-pw"},
		},
		&corev1.ConfigMap{Name: "orders-ca", Data: map[string]string{"ca.crt": o.store.ca}})
	o.makeSigningKey()
	schema, err := os.ReadFile(filepath.Join(manifests, "orders.sql"))
	must(t, err)
	o.store.exec(t, string(schema))
	o.store.exec(t, "ALTER ROLE carrier_purger PASSWORD 's3cret-pw'")
	o.createFile("retention.yaml")
	return o
}

// makeSigningKey plays cert-manager.
func (o *operator) makeSigningKey() {
	o.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(o.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(o.t, err)
	o.create(&corev1.Secret{Name: "evidence", Data: map[string][]byte{
		evidence.SecretKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}})
	der, err = x509.MarshalPKIXPublicKey(public)
	must(o.t, err)
	o.keys, err = evidence.ParseKeys(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	must(o.t, err)
}

func (o *operator) create(objects ...client.Object) {
	o.t.Helper()
	for _, object := range objects {
		object.SetNamespace(o.namespace)
		must(o.t, o.user.Create(o.t.Context(), object))
	}
}

func (o *operator) createFile(name string) {
	o.t.Helper()
	file, err := os.Open(filepath.Join(manifests, name))
	must(o.t, err)
	defer file.Close()
	for decoder := yaml.NewYAMLOrJSONDecoder(file, 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return
		}
		must(o.t, err)
		if object.GetKind() != "Certificate" { // makeSigningKey has done what it asks for
			o.create(object)
		}
	}
}

func (o *operator) get(name string, into client.Object) {
	o.t.Helper()
	must(o.t, o.user.Get(o.t.Context(), client.ObjectKey{Namespace: o.namespace, Name: name}, into))
}

// reconcile calls every controller for every object, often enough that what one writes reaches the others.
func (o *operator) reconcile() {
	o.t.Helper()
	c, recorder, now := o.user, events.NewFakeRecorder(1000), clock.RealClock{}
	controllers := []struct {
		kind string
		reconcile.Reconciler
	}{
		{"DataStore", &datastore.Controller{Client: c, Live: c, Events: recorder, Clock: now}},
		{"LegalHold", &legalhold.Controller{Client: c, Events: recorder, Clock: now}},
		{"RetentionPolicy", &retention.Controller{Client: c, Live: c, Events: recorder, Clock: now}},
		{"PurgeRun", &purgerun.Controller{Client: c, Live: c, Events: recorder, Clock: now,
			Options: purgerun.Options{Image: "registry.example/purger:test", APIServerPorts: []int32{443}}}},
	}
	for range 6 {
		for _, controller := range controllers {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(controller.kind + "List"))
			must(o.t, o.user.List(o.t.Context(), list, client.InNamespace(o.namespace)))
			for i := range list.Items {
				if _, err := controller.Reconcile(o.t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])}); err != nil {
					o.t.Fatalf("%s %s: %v", controller.kind, list.Items[i].GetName(), err)
				}
			}
		}
	}
}

// begin asks for a run and returns its name once the operator has made its Job.
func (o *operator) begin() string {
	o.t.Helper()
	o.reconcile()
	policy := &v1alpha1.RetentionPolicy{}
	o.get("shipments", policy)
	o.requests++
	request := time.Now().Add(time.Duration(o.requests-60) * time.Second).UTC().Format(time.RFC3339)
	policy.Annotations = map[string]string{v1alpha1.AnnotationRunRequestedAt: request}
	must(o.t, o.user.Update(o.t.Context(), policy))
	o.reconcile()
	o.get("shipments", policy)
	if policy.Status.LastHandledRunRequest != request || policy.Status.LastRun.Name == "" {
		o.t.Fatalf("the request was not handled: %+v", policy.Status)
	}
	return policy.Status.LastRun.Name
}

// end plays the Job controller, then lets the operator close the run.
func (o *operator) end(name string) *v1alpha1.PurgeRun {
	o.t.Helper()
	job := &batchv1.Job{}
	o.get(name, job)
	now := metav1.Now()
	job.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &now, Succeeded: 1, CompletedIndexes: "0", Ready: ptr.To[int32](0),
		UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{}}
	for _, condition := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{
			Type: condition, Status: corev1.ConditionTrue, LastProbeTime: now, LastTransitionTime: now})
	}
	must(o.t, o.user.Status().Update(o.t.Context(), job))
	o.reconcile()
	run := &v1alpha1.PurgeRun{}
	o.get(name, run)
	return run
}

// purger runs the purger with the files that the Job's pod has and the rights of its service account.
func (o *operator) purger(name string) error {
	o.t.Helper()
	job := &batchv1.Job{}
	o.get(name, job)
	pod := job.Spec.Template.Spec
	root := o.t.TempDir()
	for _, mount := range pod.Containers[0].VolumeMounts {
		for i := range pod.Volumes {
			if pod.Volumes[i].Name == mount.Name {
				o.materialize(&pod.Volumes[i], filepath.Join(root, mount.MountPath))
			}
		}
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	return run(ctx, append(pod.Containers[0].Args, "-kubeconfig", o.kubeconfig(root, pod.ServiceAccountName), "-log-level", "ERROR",
		"-plan", filepath.Join(root, runplan.PlanDir, runplan.PlanFile), "-connection-dir", filepath.Join(root, runplan.ConnectionDir), "-hash-key", filepath.Join(root, runplan.HashKeyFile),
		"-signing-key", filepath.Join(root, runplan.SigningKeyFile)))
}

// materialize plays the kubelet.
func (o *operator) materialize(volume *corev1.Volume, dir string) {
	o.t.Helper()
	must(o.t, os.MkdirAll(dir, 0o700))
	if source := volume.ConfigMap; source != nil {
		config := &corev1.ConfigMap{}
		o.get(source.Name, config)
		for _, item := range source.Items {
			must(o.t, os.WriteFile(filepath.Join(dir, item.Path), []byte(config.Data[item.Key]), 0o600))
		}
	}
	if source := volume.Secret; source != nil {
		o.secret(source.SecretName, source.Items, dir)
	}
	if source := volume.Projected; source != nil {
		for _, part := range source.Sources {
			o.secret(part.Secret.Name, part.Secret.Items, dir)
		}
	}
}

func (o *operator) secret(name string, items []corev1.KeyToPath, dir string) {
	o.t.Helper()
	secret := &corev1.Secret{}
	o.get(name, secret)
	for _, item := range items {
		if value, ok := secret.Data[item.Key]; ok {
			must(o.t, os.WriteFile(filepath.Join(dir, item.Path), value, 0o600))
		}
	}
}

// kubeconfig acts as the pod's service account, so that the Role that the operator made has to be enough.
func (o *operator) kubeconfig(dir, account string) string {
	o.t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.Host, CertificateAuthorityData: server.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: server.CertData, ClientKeyData: server.KeyData,
		Impersonate: "system:serviceaccount:" + o.namespace + ":" + account}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	path := filepath.Join(dir, "kubeconfig")
	must(o.t, clientcmd.WriteToFile(*config, path))
	return path
}
