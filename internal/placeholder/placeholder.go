// Package placeholder reads the templates of a profile's authentication: texts in which names in braces stand for values. The operator
// checks them and the gateway fills them in, both with this package.
package placeholder

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Part of a template: Text as it stands or, if Name is set, a place for a value.
type Part struct {
	Text string
	// Name of the place, without its braces; Arg is what follows a colon, as apiKey in {credential:apiKey}.
	Name, Arg string
}

// key is a place in a template of Keys: {key} with a name that a key of a Secret can have.
var key = regexp.MustCompile(`\{([-._a-zA-Z0-9]+)\}`)

// Keys splits a template in which {key} stands for the value of that key of the credential's Secret. All other braces are text, as
// documents in JSON have many.
func Keys(template string) []Part {
	var parts []Part
	end := 0
	for _, m := range key.FindAllStringSubmatchIndex(template, -1) {
		if m[0] > end {
			parts = append(parts, Part{Text: template[end:m[0]]})
		}
		parts = append(parts, Part{Name: template[m[2]:m[3]]})
		end = m[1]
	}
	if end < len(template) {
		parts = append(parts, Part{Text: template[end:]})
	}
	return parts
}

// Places of a signing scheme's templates.
const (
	Timestamp  = "timestamp"
	Method     = "method"
	Path       = "path"
	Query      = "query"
	Body       = "body"
	Operation  = "operation"
	Form       = "form"       // Arg is the field's name
	Credential = "credential" // Arg is the key of the Secret
	Signature  = "signature"  // not in the string that is signed
)

var (
	plain    = []string{Timestamp, Method, Path, Query, Body, Operation, Signature}
	withName = []string{Form, Credential}
)

// Signing splits a template of a signing scheme. Every brace belongs to one of the places above; the error names the first that does
// not.
func Signing(template string) ([]Part, error) {
	var parts []Part
	for rest := template; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			return append(parts, Part{Text: rest}), nil
		}
		if open > 0 {
			parts = append(parts, Part{Text: rest[:open]})
		}
		place, tail, closed := strings.Cut(rest[open:], "}")
		if !closed || !strings.HasPrefix(place, "{") {
			return nil, fmt.Errorf("a brace stands alone at character %d: write places as {%s}", len(template)-len(rest)+open+1, Timestamp)
		}
		part, err := signingPlace(place[1:])
		if err != nil {
			return nil, err
		}
		parts, rest = append(parts, part), tail
	}
	return parts, nil
}

func signingPlace(place string) (Part, error) {
	name, arg, named := strings.Cut(place, ":")
	if named && arg != "" && slices.Contains(withName, name) || !named && slices.Contains(plain, name) {
		return Part{Name: name, Arg: arg}, nil
	}
	return Part{}, fmt.Errorf("the place {%s} is unknown: use {%s}, {%s:NAME} or {%s:KEY}", place, strings.Join(plain, "}, {"), Form, Credential)
}
