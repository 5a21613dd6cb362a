package discovery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func leaf(path, kind string) Leaf { return Leaf{Path: strings.Split(path, "/"), Type: kind} }

func TestSampleShowsNamesThatRecordsShare(t *testing.T) {
	many := func(n int) (record []Leaf) {
		for i := range n {
			record = append(record, leaf(fmt.Sprintf("visits/shop%d", i), "int"))
		}
		return record
	}
	for name, tc := range map[string]struct {
		records [][]Leaf
		want    string
	}{
		"nested":                          {[][]Leaf{{leaf("_id", "objectId"), leaf("to/email", "string")}, {leaf("_id", "objectId"), leaf("to/email", "string")}}, "_id objectId, to.email string"},
		"a field of some":                 {[][]Leaf{{leaf("a", "int")}, {leaf("a", "int"), leaf("b", "int")}, {leaf("b", "int")}}, "a int, b int"},
		"elements of a list":              {[][]Leaf{{leaf("items/sku", "string"), leaf("items/sku", "string")}, {leaf("items/sku", "string")}}, "items.sku string"},
		"several types":                   {[][]Leaf{{leaf("zip", "string")}, {leaf("zip", "int")}}, "zip mixed"},
		"a person's name, in one record":  {[][]Leaf{{leaf("likes/anna_schmidt", "bool")}, {leaf("likes/max_mueller", "int")}}, "likes.* mixed"},
		"only in one record":              {[][]Leaf{{leaf("note", "string")}}, "* string"},
		"an address, in several records":  {[][]Leaf{{leaf("likes/anna@example.com", "bool")}, {leaf("likes/anna@example.com", "bool")}}, "likes.* bool"},
		"one of very many":                {[][]Leaf{many(65), many(65)}, "visits.* int"},
		"one of as many as there may be":  {[][]Leaf{many(64)[:1], many(64)}, "visits.shop0 int, visits.* int"},
		"too long":                        {[][]Leaf{{leaf(strings.Repeat("x", 65), "int")}, {leaf(strings.Repeat("x", 65), "int")}}, "* int"},
		"nothing":                         {nil, ""},
		"names below one that is not sho": {[][]Leaf{{leaf("by/a b/phone", "string")}, {leaf("by/a b/phone", "string")}}, "by.*.phone string"},
	} {
		t.Run(name, func(t *testing.T) {
			var s Sample
			for _, record := range tc.records {
				s.Add(record)
			}
			var got []string
			for _, f := range s.Fields("orders") {
				got = append(got, f.Name+" "+f.Type)
				if f.Collection != "orders" || !f.Nested {
					t.Errorf("%+v", f)
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecisionCoversWhatTheFieldContains(t *testing.T) {
	for name, tc := range map[string]struct {
		field Field
		want  bool
	}{
		"itself":                    {Field{Name: "to", Nested: true}, true},
		"within":                    {Field{Name: "to.email", Nested: true}, true},
		"begins the same":           {Field{Name: "town", Nested: true}, false},
		"a column with a dot in it": {Field{Name: "to.email"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isDecided(tc.field, []string{"id", "to"}); got != tc.want {
				t.Errorf("decided: %t", got)
			}
		})
	}
}
