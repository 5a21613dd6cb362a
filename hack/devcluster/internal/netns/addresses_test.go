package netns

import (
	"net/netip"
	"testing"
)

func TestFreeSlotAvoidsClustersAndTheHostsNetworks(t *testing.T) {
	prefix := netip.MustParsePrefix
	tests := []struct {
		name  string
		taken []int
		host  []netip.Prefix
		want  int
	}{
		{name: "first", want: 0},
		{name: "the gap is filled", taken: []int{0, 2}, want: 1},
		{name: "an interface of the host", host: []netip.Prefix{prefix("10.231.0.0/30"), prefix("192.168.1.0/24")}, want: 1},
		{name: "a wide net of the host", taken: []int{64}, host: []netip.Prefix{prefix("10.231.0.0/18")}, want: 65},
	}
	for _, test := range tests {
		taken := map[int]bool{}
		for _, slot := range test.taken {
			taken[slot] = true
		}
		if got, err := FreeSlot(taken, test.host); err != nil || got != test.want {
			t.Errorf("%s: got %d (%v), want %d", test.name, got, err, test.want)
		}
	}
	if _, err := FreeSlot(nil, []netip.Prefix{prefix("10.0.0.0/8")}); err == nil {
		t.Error("the host uses all of 10.0.0.0/8, yet a slot was given")
	}
}

func TestSlotsDoNotOverlap(t *testing.T) {
	seen := map[string]int{}
	for slot := range MaxSlots {
		a := ForSlot(slot)
		for _, value := range []string{a.HostNode, a.Node, a.HostInternet, a.Internet, a.LinkNode, a.LinkInternet} {
			if other, ok := seen[value]; ok {
				t.Fatalf("%s is in slots %d and %d", value, other, slot)
			}
			seen[value] = slot
		}
		if len(a.LinkNode) > 15 || len(a.LinkInternet) > 15 {
			t.Fatalf("interface name too long for the kernel: %s", a.LinkNode)
		}
	}
}

func TestWithoutASlotNoInterfaceIsTouched(t *testing.T) {
	if links := (Namespaces{Name: "new"}).links(); len(links) != 0 {
		t.Errorf("a cluster that does not exist would remove %v", links)
	}
}
