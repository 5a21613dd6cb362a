package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// wellKnown are fields of Kubernetes' own types, documented there.
var wellKnown = map[string]string{"conditions": "[Condition]", "podSelector": "LabelSelector"}

// fields writes one row a field, depth first, required fields first.
func fields(page *bytes.Buffer, path string, schema *apiextensionsv1.JSONSchemaProps) {
	for _, name := range requiredFirst(schema) {
		property := schema.Properties[name]
		typeName, known := wellKnown[name]
		if !known {
			typeName = typeOf(&property)
		}
		description := oneLine(property.Description)
		if slices.Contains(schema.Required, name) {
			description = "**Required.** " + description
		}
		for _, part := range []string{values(&property), bounds(&property), refusals(&property)} {
			if part != "" {
				description = sentence(description) + " " + part
			}
		}
		fmt.Fprintf(page, "| `%s%s` | %s | %s |\n", path, name, typeName, cell(description))
		if known {
			continue
		}
		switch {
		case property.Items != nil && property.Items.Schema != nil:
			fields(page, path+name+"[].", property.Items.Schema)
		default:
			fields(page, path+name+".", &property)
		}
	}
}

func requiredFirst(schema *apiextensionsv1.JSONSchemaProps) []string {
	optional := func(name string) int {
		if slices.Contains(schema.Required, name) {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(schema.Properties), func(a, b string) int {
		return cmp.Or(optional(a)-optional(b), strings.Compare(a, b))
	})
}

func typeOf(schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case schema.Type == "array":
		return "[" + typeOf(schema.Items.Schema) + "]"
	case schema.Format == "date-time":
		return "time"
	default:
		return schema.Type
	}
}

// values are those of an enumeration, of the field or of a list's entries.
func values(schema *apiextensionsv1.JSONSchemaProps) string {
	if schema.Items != nil && schema.Items.Schema != nil {
		schema = schema.Items.Schema
	}
	if len(schema.Enum) == 0 {
		return ""
	}
	var names []string
	for _, value := range schema.Enum {
		text, err := strconv.Unquote(string(value.Raw))
		if err != nil {
			text = string(value.Raw)
		}
		names = append(names, "`"+text+"`")
	}
	return "Values: " + strings.Join(names, ", ") + "."
}

// bounds of a number, a text or a list.
func bounds(schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case strings.Contains(schema.Description, " to ") && schema.Minimum != nil:
		return "" // the description has the range, with its unit
	case schema.Maximum != nil && schema.Minimum != nil:
		return fmt.Sprintf("From %.0f to %.0f.", *schema.Minimum, *schema.Maximum)
	case schema.Minimum != nil:
		return fmt.Sprintf("%.0f or more.", *schema.Minimum)
	case schema.MaxLength != nil:
		return "At most " + plural(*schema.MaxLength, "character") + "."
	case schema.MaxItems != nil:
		return "At most " + plural(*schema.MaxItems, "entry") + "."
	default:
		return ""
	}
}

func plural(n int64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	default:
		return fmt.Sprintf("%d %ss", n, noun)
	}
}

// refusals are the messages of the rules of a field, and of a list's entries.
func refusals(schema *apiextensionsv1.JSONSchemaProps) string {
	text := messages(schema)
	if schema.Items != nil && schema.Items.Schema != nil {
		text = strings.TrimSpace(text + " " + messages(schema.Items.Schema))
	}
	if text == "" {
		return ""
	}
	return "Refused with: " + text
}

func messages(schema *apiextensionsv1.JSONSchemaProps) string {
	var texts []string
	for _, rule := range schema.XValidations {
		texts = append(texts, "*"+strings.ReplaceAll(oneLine(rule.Message), "*", `\*`)+"*")
	}
	return strings.Join(texts, "; ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// sentence ends a text with a full stop.
func sentence(text string) string {
	if text = oneLine(text); text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "*") {
		return text
	}
	return text + "."
}

// cell makes a text fit into a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(text)
}
