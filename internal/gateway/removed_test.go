package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// removing returns an exchange from whose request a document's fields were removed.
func removing(t *testing.T, g *Gateway, s *snapshot, document string) *exchange {
	t.Helper()
	program, err := minimize.Compile(minimize.Rules{Allow: []string{"$.weight"}})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{gateway: g, snapshot: s, r: &http.Request{Method: http.MethodPost}, operation: &operation{name: "rate"}}
	if _, err := program.AppendJSON(nil, []byte(document), minimize.Redact, &x.record.request); err != nil {
		t.Fatal(err)
	}
	x.collectRemoved()
	return x
}

func TestFieldsAppearTheSameWayEachTime(t *testing.T) {
	g, s := &Gateway{metrics: newMetrics()}, &snapshot{vocabulary: vocabulary{"phone": true}}
	for range 3 {
		x := removing(t, g, s, `{"weight":1,"phone":2,"mary":3,"joan":4}`)
		if diff := cmp.Diff([]string{"$.phone", "$[?]"}, removedNames(x.spare.removed)); diff != "" {
			t.Errorf("the record shows (-want +got):\n%s", diff)
		}
		g.metrics.observe(x)
	}
	got := map[string]int64{}
	for _, c := range g.metrics.mostRemoved() {
		got[c.Path] = c.Count
	}
	if diff := cmp.Diff(map[string]int64{"$.phone": 3, "$[?]": 6}, got); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestRememberedFieldsAreBounded(t *testing.T) {
	g, s := &Gateway{metrics: newMetrics()}, &snapshot{vocabulary: vocabulary{}}
	for i := 0; i < 2*maxShownFields; i += 50 {
		var document bytes.Buffer
		document.WriteString(`{"weight":1`)
		for j := range 50 {
			fmt.Fprintf(&document, `,"name%d":0`, i+j)
		}
		document.WriteString("}")
		g.metrics.observe(removing(t, g, s, document.String()))
	}
	if n := len(s.shown.known); n != maxShownFields {
		t.Errorf("%d fields are remembered, want %d", n, maxShownFields)
	}
	most := g.metrics.mostRemoved()
	if len(most) != 1 || most[0].Path != "$[?]" || most[0].Count < 2*maxShownFields {
		t.Errorf("counted %v", most)
	}
}
