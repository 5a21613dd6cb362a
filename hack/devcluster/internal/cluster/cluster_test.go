package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/netns"
	"github.com/carrier-operator/carrier-operator/hack/devcluster/internal/proc"
)

func testCluster(t *testing.T) *Cluster {
	root := t.TempDir()
	c := &Cluster{
		Name: "test", Root: root, Dir: filepath.Join(root, "clusters", "test"), Run: filepath.Join(root, "run"),
		PauseImage: "a.local/pause:1", CoreDNSImage: "a.local/coredns:1", CertManagerImage: "a.local/cert-manager:1",
		state: &proc.State{},
	}
	c.spaces = netns.Namespaces{Name: c.Name, Run: c.Run}
	c.useSlot(7)
	return c
}

func TestEveryTemplateRenders(t *testing.T) {
	c := testCluster(t)
	for _, file := range templates.Templates() {
		if file.Name() == "" {
			continue
		}
		text, err := c.render(file.Name())
		if err != nil {
			t.Errorf("%s: %v", file.Name(), err)
		}
		if strings.Contains(text, "<no value>") {
			t.Errorf("%s has an empty value:\n%s", file.Name(), text)
		}
		if file.Name() == "cni.conflist" && !json.Valid([]byte(text)) {
			t.Errorf("%s is not JSON:\n%s", file.Name(), text)
		}
	}
}

func TestConfigsKeepAChangedHostsFile(t *testing.T) {
	c := testCluster(t)
	if err := c.writeConfigs(); err != nil {
		t.Fatal(err)
	}
	hosts := c.path("internet", "hosts")
	if err := os.WriteFile(hosts, []byte("203.0.113.99 onlinetools.ups.com\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.writeConfigs(); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(hosts); !strings.Contains(string(content), "203.0.113.99") {
		t.Errorf("a second up overwrote the zone:\n%s", content)
	}
}

func TestPartKeyFollowsCommandConfigurationAndBinary(t *testing.T) {
	c := testCluster(t)
	config := filepath.Join(c.Root, "config")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	key := func(p part, binary string) string {
		if err := linkAll(c.path("bin"), map[string]string{"kubelet": binary}); err != nil {
			t.Fatal(err)
		}
		k, err := c.partKey(p)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write("a")
	p := part{name: "kubelet", command: []string{c.bin("kubelet")}, configs: []string{config}}
	first := key(p, "/cache/1/kubelet")
	if again := key(p, "/cache/1/kubelet"); again != first {
		t.Error("nothing changed, yet the part would be restarted")
	}
	if key(p, "/cache/2/kubelet") == first {
		t.Error("a new binary is not noticed")
	}
	write("b")
	if key(p, "/cache/1/kubelet") == first {
		t.Error("a new configuration is not noticed")
	}
	write("a")
	p.command = append(p.command, "--v=2")
	if key(p, "/cache/1/kubelet") == first {
		t.Error("a new argument is not noticed")
	}
}

func TestMountsBelowFindsOnlyWhatIsOursInnermostFirst(t *testing.T) {
	table := `22 1 0:20 / / rw - ext4 /dev/vda rw
30 22 0:30 / /c/a rw - tmpfs tmpfs rw
31 30 0:31 / /c/a/pods/with\040space rw shared:1 - tmpfs tmpfs rw
32 22 0:32 / /c/abc rw - tmpfs tmpfs rw
33 22 0:33 / /run/x rw - tmpfs tmpfs rw
broken line
`
	got := mountsBelow(table, "/c/a", "/run/x")
	if want := []string{"/run/x", "/c/a/pods/with space", "/c/a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLeftoversNameFoldersAndProcesses(t *testing.T) {
	c := testCluster(t)
	c.Name = "leftover-test" // no namespaces or cgroups of that name exist
	c.spaces.Name = c.Name
	if left := c.leftovers(); len(left) > 0 {
		t.Errorf("nothing exists, yet %q", left)
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, _ := proc.Identify(os.Getpid())
	c.state.Put(self)
	left := strings.Join(c.leftovers(), "\n")
	if !strings.Contains(left, "folder "+c.Dir) || !strings.Contains(left, self.Name) {
		t.Errorf("got %q", left)
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"carrier": true, "a": true, "a-1": true, "": false, "-a": false, "a-": false, "A": false, "../x": false,
		"a b": false, "a123456789012345678901234": false,
	} {
		if validName.MatchString(name) != good {
			t.Errorf("%q: want %v", name, good)
		}
	}
}

func TestTunablesAreRememberedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sysctls.json")
	if err := os.WriteFile(file, []byte(`{}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := saveTunables(file); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(file); string(content) != "{}" {
		t.Errorf("a second cluster overwrote the machine's own values: %s", content)
	}
	if err := restoreTunables(file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("still there after it was put back")
	}
}

func TestRunsReadsTheTableOfTasks(t *testing.T) {
	table := "TASK    PID    STATUS    \nabc     12     RUNNING\nabcd    0      STOPPED\n"
	for id, want := range map[string]bool{"abc": true, "abcd": false, "ab": false, "": false} {
		if runs(table, id) != want {
			t.Errorf("%q: want %v", id, want)
		}
	}
}
