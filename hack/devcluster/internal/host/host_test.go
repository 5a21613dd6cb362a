package host

import (
	"slices"
	"testing"
)

func TestMissingControllers(t *testing.T) {
	v1 := `40 30 0:35 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct
41 30 0:36 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
42 30 0:37 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
43 30 0:38 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
44 30 0:39 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
`
	pids := "45 30 0:40 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
	tests := []struct {
		name, mountinfo, v2 string
		want                []string
	}{
		{name: "v1, all there", mountinfo: v1 + pids},
		{name: "v1 without pids", mountinfo: v1, want: []string{"pids"}},
		{name: "v2, all there", v2: "cpuset cpu io memory pids\n"},
		{name: "v2 without memory", v2: "cpuset cpu io pids\n", want: []string{"memory"}},
		{name: "nothing mounted", want: []string{"cpu", "cpuset", "memory", "pids", "cpuacct", "devices", "freezer"}},
	}
	for _, test := range tests {
		if got := missingControllers(test.mountinfo, test.v2); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
