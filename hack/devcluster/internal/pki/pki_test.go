package pki

import (
	"net"
	"os"
	"testing"
	"time"
)

func testSet(ip string) Set {
	return Set{
		CAs:    []string{"ca"},
		Leaves: []Leaf{{Name: "server", CA: "ca", CommonName: "server", DNS: []string{"kubernetes"}, IPs: []net.IP{net.ParseIP(ip)}}},
		Keys:   []string{"sa"},
	}
}

func TestEnsureMakesTheSetAnewOnlyWhenNeeded(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	steps := []struct {
		name    string
		set     Set
		at      time.Time
		prepare func(dir string) error
		renewed bool
	}{
		{name: "nothing there yet", set: testSet("10.0.0.1"), at: start, renewed: true},
		{name: "all there", set: testSet("10.0.0.1"), at: start.Add(time.Hour)},
		{name: "another address", set: testSet("10.0.0.2"), at: start.Add(time.Hour), renewed: true},
		{name: "a file is gone", set: testSet("10.0.0.2"), at: start.Add(time.Hour), renewed: true,
			prepare: func(dir string) error { return os.Remove(CertFile(dir, "server")) }},
		{name: "near its end", set: testSet("10.0.0.2"), at: start.Add(validity - RenewBefore + 2*time.Hour), renewed: true},
	}
	dir := t.TempDir()
	for _, step := range steps {
		if step.prepare != nil {
			if err := step.prepare(dir); err != nil {
				t.Fatal(err)
			}
		}
		renewed, err := Ensure(dir, step.set, step.at)
		if err != nil || renewed != step.renewed {
			t.Errorf("%s: renewed %v (%v), want %v", step.name, renewed, err, step.renewed)
		}
	}
}

func TestEnsureKeepsTheServiceAccountKey(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := Ensure(dir, testSet("10.0.0.1"), now); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(KeyFile(dir, "sa"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(dir, testSet("10.0.0.9"), now); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(KeyFile(dir, "sa"))
	if string(before) != string(after) {
		t.Error("the key changed: tokens that pods hold would no longer be accepted")
	}
}
