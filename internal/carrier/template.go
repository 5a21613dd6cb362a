package carrier

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// placeholder is {key}, where key can be one of a Secret. The braces of JSON hold quotes or white space and are none.
var placeholder = regexp.MustCompile(`\{([-._a-zA-Z0-9]+)\}`)

// fill replaces each {key} of a template by the escaped value of that key of the credential. Values are not searched for further
// placeholders.
func fill(template string, c *Credential, escape func(string) string) (string, error) {
	var b strings.Builder
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(template, -1) {
		value, err := c.value(template[m[2]:m[3]])
		if err != nil {
			return "", err
		}
		if !utf8.ValidString(value) {
			return "", fmt.Errorf("credential %s: the value under the key %s is not valid UTF-8", c.Name(), template[m[2]:m[3]])
		}
		b.WriteString(template[at:m[0]])
		b.WriteString(escape(value))
		at = m[1]
	}
	b.WriteString(template[at:])
	return b.String(), nil
}

// escapeXML makes text fit for content and attributes.
func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}

// escapeJSON makes text fit for the inside of a JSON string.
func escapeJSON(text string) string {
	quoted, _ := json.Marshal(text) // strings always marshal
	return string(quoted[1 : len(quoted)-1])
}
