//go:build envtest

package purgerun_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
	plan "github.com/carrier-operator/carrier-operator/internal/retention"
)

func coldStore() *v1alpha1.DataStore {
	return &v1alpha1.DataStore{Name: "cold", Spec: v1alpha1.DataStoreSpec{
		Type: v1alpha1.StoreS3, Connection: v1alpha1.StoreConnection{SecretRef: v1alpha1.LocalReference{Name: "cold-purger"}},
		Collections: []v1alpha1.Collection{{Name: "archive/events/", Key: []string{"key"}}},
	}}
}

func coldSecret() *corev1.Secret {
	return &corev1.Secret{
		Name: "cold-purger", Annotations: map[string]string{v1alpha1.AnnotationAllowedHosts: "s3.example"},
		StringData: map[string]string{"host": "s3.example", "port": "9000", "accessKeyID": "purger", "secretAccessKey": "s3cret-key"},
	}
}

// archiving makes the policy's events archived.
func archiving(p *v1alpha1.RetentionPolicy) *v1alpha1.RetentionPolicy {
	p.Spec.FirstRun = v1alpha1.RunPurge
	p.Spec.Rules = p.Spec.Rules[1:]
	p.Spec.Rules[0].Action = v1alpha1.PurgeAction{Type: v1alpha1.ActionArchive,
		Archive: v1alpha1.ArchiveTarget{StoreRef: v1alpha1.LocalReference{Name: "cold"}, Collection: "archive/events/", LockDays: 30}}
	return p
}

// Each mistake gives its reason, and makes no run.
func TestMistakesOfTheArchiveAreExplained(t *testing.T) {
	w := newWorld(t)
	w.create(connectionSecret(), hashKeySecret(), bundle(t), store(), archiving(policy()))
	p := &v1alpha1.RetentionPolicy{}
	w.settle()
	w.expect(p, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonStoreNotFound)

	w.create(coldStore())
	w.settle() // its Secret is not there
	w.expect(p, "shipments", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotReady)

	w.create(coldSecret())
	w.settle()
	w.expect(p, "shipments", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonScheduled)

	edit(w, "shipments", p, func(p *v1alpha1.RetentionPolicy) { p.Spec.Rules[0].Action.Archive.StoreRef.Name = "orders" })
	w.settle()
	w.expect(p, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonRuleInvalid)

	edit(w, "shipments", p, func(p *v1alpha1.RetentionPolicy) {
		p.Spec.Rules[0].Action.Archive = v1alpha1.ArchiveTarget{StoreRef: v1alpha1.LocalReference{Name: "cold"}, Collection: "archive/other/"}
	})
	w.settle()
	w.expect(p, "shipments", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonCollectionNotFound)
	if len(w.runs()) != 0 {
		t.Error("a run was made")
	}
}

// What nobody removes from the archive is told, until somebody does.
func TestArchiveWithoutAPolicyIsToldOf(t *testing.T) {
	w := newWorld(t)
	w.create(connectionSecret(), hashKeySecret(), bundle(t), store(), coldSecret(), coldStore(), archiving(policy()))
	w.settle()
	says := func() bool {
		c := meta.FindStatusCondition(w.policy().Status.Conditions, v1alpha1.ConditionReady)
		return strings.Contains(c.Message, `no RetentionPolicy of DataStore "cold" has a rule for collection "archive/events/"`)
	}
	if !says() {
		t.Error("the policy does not say that the archive has no owner")
	}
	w.create(&v1alpha1.RetentionPolicy{Name: "archive-ends", Spec: v1alpha1.RetentionPolicySpec{
		Schedule: "0 4 * * *", Mode: v1alpha1.RunPurge, StoreRef: v1alpha1.LocalReference{Name: "cold"},
		Rules: []v1alpha1.RetentionRule{{
			Name: "events", Collection: "archive/events/", Keep: v1alpha1.KeepPeriod{Years: 1}, Action: v1alpha1.PurgeAction{Type: v1alpha1.ActionDelete},
			Clock: v1alpha1.RetentionClock{Field: "lastModified", Unit: v1alpha1.ClockStoreTime, WhenNull: v1alpha1.NullClockKeep},
		}},
	}})
	w.settle()
	if says() {
		t.Error("the policy says that the archive has no owner though it has one")
	}
}

// The purger gets the Secrets of both stores in folders of their own, and may speak to both ports; the plan says where to, and no secret.
func TestRunThatArchivesReachesBothStores(t *testing.T) {
	w := newWorld(t)
	w.create(connectionSecret(), hashKeySecret(), bundle(t), store(), coldSecret(), coldStore(), archiving(policy()))
	w.settle()
	run := w.nextSlot()

	planned := w.plan(run.Name)
	if diff := cmp.Diff(&plan.Store{Name: "cold", Type: "S3", TLSMode: "VerifyFull"}, planned.Archive); diff != "" {
		t.Error("archive of the plan", diff)
	}
	if diff := cmp.Diff(&plan.ArchiveTarget{Collection: "archive/events/", LockDays: 30}, planned.Rules[0].Archive); diff != "" || planned.Rules[0].Action != "Delete" {
		t.Error("rule of the plan", planned.Rules[0].Action, diff)
	}
	job, network := &batchv1.Job{}, &networkingv1.NetworkPolicy{}
	if !w.get(run.Name, job) || !w.get(run.Name, network) {
		t.Fatal("the run has no Job or no NetworkPolicy")
	}
	pod := job.Spec.Template.Spec
	at := slices.IndexFunc(pod.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == plan.ArchiveDir })
	if at < 0 {
		t.Fatalf("mounts %v", pod.Containers[0].VolumeMounts)
	}
	volume := pod.Volumes[slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == pod.Containers[0].VolumeMounts[at].Name })]
	for _, source := range volume.Projected.Sources {
		if source.Secret.Name != "cold-purger" {
			t.Errorf("the archive's folder has keys of %s", source.Secret.Name)
		}
	}
	var ports []int
	for _, port := range network.Spec.Egress[0].Ports {
		ports = append(ports, port.Port.IntValue())
	}
	if !slices.Contains(ports, 6432) || !slices.Contains(ports, 9000) {
		t.Errorf("ports %v", ports)
	}

	// The run goes on with what it has when the archive's DataStore goes, and its plan stays.
	w.remove(coldStore())
	w.settle()
	if diff := cmp.Diff(planned, w.plan(run.Name)); diff != "" {
		t.Error("plan of the run at work", diff)
	}
}
