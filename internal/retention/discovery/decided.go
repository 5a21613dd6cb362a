package discovery

import (
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// DecidedFields are the fields of a collection that its DataStore says something about.
func DecidedFields(c *v1alpha1.Collection) []string {
	fields := slices.Concat(c.Key, c.Ignore)
	for _, f := range c.Fields {
		fields = append(fields, f.Name)
	}
	for _, r := range c.References {
		fields = append(fields, r.Fields...)
	}
	if c.Subject.Field != "" {
		fields = append(fields, c.Subject.Field)
	}
	return fields
}

// Decided are the decided fields by collection, under the names that the store itself has for them.
func Decided(store *v1alpha1.DataStore) map[string][]string {
	all := map[string][]string{}
	for i := range store.Spec.Collections {
		c := &store.Spec.Collections[i]
		name := c.Name
		if store.Spec.Type == v1alpha1.StorePostgreSQL && !strings.Contains(name, ".") {
			name = "public." + name
		}
		all[name] = DecidedFields(c)
	}
	return all
}
