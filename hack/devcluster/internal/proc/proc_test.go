package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	tail := " 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200"
	tests := []struct {
		name, stat string
		want       uint64
		fails      bool
	}{
		{name: "plain", stat: "42 (etcd) S" + tail, want: 987654},
		{name: "name with spaces and parentheses", stat: "42 (a) b (c) S" + tail, want: 987654},
		{name: "zombie is gone", stat: "42 (etcd) Z" + tail, fails: true},
		{name: "cut off", stat: "42 (etcd) S 1 1", fails: true},
		{name: "empty", fails: true},
	}
	for _, test := range tests {
		got, err := parseStat(test.stat)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: got %d, %v", test.name, got, err)
		}
	}
}

func TestStateSurvivesASave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "state.json")
	state := &State{Name: "a", Slot: 3}
	state.Put(Process{Name: "etcd", PID: 1})
	state.Put(Process{Name: "kubelet", PID: 2})
	state.Put(Process{Name: "etcd", PID: 3})
	state.Remove("kubelet")
	if err := state.Save(file); err != nil {
		t.Fatal(err)
	}
	got, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Slot != 3 || len(got.Processes) != 1 || got.Find("etcd").PID != 3 || got.Find("kubelet") != nil {
		t.Errorf("got %+v", got)
	}
}

func TestLoadExplainsADamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
	if state, err := Load(file + ".none"); err != nil || len(state.Processes) != 0 {
		t.Errorf("missing file: %+v, %v", state, err)
	}
}

func TestOnlyTheVeryProcessIsSignaled(t *testing.T) {
	p, err := Start(Spec{Name: "sleep", Command: []string{"/bin/sleep", "60"}, Log: filepath.Join(t.TempDir(), "sleep.log")})
	if err != nil {
		t.Fatal(err)
	}
	impostor := p
	impostor.StartTicks++ // same number, other process
	rebooted := p
	rebooted.BootID = "other"
	if err := Stop(time.Second, impostor, rebooted); err != nil {
		t.Fatal(err)
	}
	if !p.Alive() {
		t.Fatal("a process was ended because its number matched")
	}
	if err := Stop(5*time.Second, p); err != nil || p.Alive() {
		t.Errorf("not ended: %v", err)
	}
}

func TestTailShowsTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(file, []byte(strings.Repeat("x\n", 9000)+"one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Tail(file, 2); got != "one\ntwo" {
		t.Errorf("got %q", got)
	}
}
