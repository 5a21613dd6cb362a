package profilelint

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// class is what an operation does, as far as its name tells.
type class string

const (
	classOther   class = ""
	classRate    class = "rate"
	classAddress class = "address-validation"
	classTrack   class = "track"
	classCancel  class = "cancel"
)

// classes by the words of an operation's name; the first that occurs counts.
var classes = []struct {
	word  string
	class class
}{
	{"pickup", classOther}, // of the shipper's own address
	{"label", classOther},
	{"rate", classRate}, {"rates", classRate}, {"quote", classRate}, {"price", classRate}, {"options", classRate}, {"transit", classRate},
	{"address", classAddress},
	{"track", classTrack}, {"tracking", classTrack},
	{"void", classCancel}, {"cancel", classCancel},
}

func classOf(operation string) class {
	words := strings.Split(operation, "-")
	for _, c := range classes {
		if slices.Contains(words, c.word) {
			return c.class
		}
	}
	return classOther
}

// personal matches names of fields that hold data of a person. A bare name is one; serviceName or productName is not.
var personal = regexp.MustCompile(`(?i)^(name[0-9]?|.*(person|contact|first|last|full|middle|attention|receiver|recipient|consignee|customer)[_-]?names?[0-9]?|` +
	`.*(phone|mobile|telefon|telephone|fax)([_-]?(number|no))?[0-9]?|.*e[_-]?mail([_-]?address)?|mail|.*birth.*|.*passport.*|iban|.*tax[_-]?(payer)?[_-]?(id|number|identificationnumber)|` +
	`.*signature([_-]?image)?|contact([_-]?(person|information|details))?)$`)

// personalFields warns of fields that an operation of its class does not need. What the carrier requires is not the profile's choice.
func personalFields(f *findings, path string, o *v1alpha1.Operation) {
	kind := classOf(o.Name)
	if kind == classOther {
		return
	}
	for i, allowed := range o.Request.Allow {
		way := steps(allowed)
		if len(way) == 0 || !personal.MatchString(way[len(way)-1].name) || anyCovers(o.Request.Require, allowed) {
			continue
		}
		f.warn(indexed(path+".request.allow", i), "%s lets a person's data through, which %s does not need: leave it out, move it to consents, or add it to require if the carrier demands it", allowed, kind)
	}
}
