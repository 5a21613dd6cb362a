package carrier

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// xmlSetter writes values into XML documents, SOAP among them. An element that the client sent is filled where it stands, with the
// attributes that it has: many schemas prescribe the order. Missing elements take the prefix of the element around them; a missing
// container comes first in it (as a SOAP header must), a missing field last.
type xmlSetter struct {
	places  []place
	clean   *minimize.Program
	remove  *minimize.Program
	markers []string
}

func newXMLSetter(places []place) (setter, error) {
	s := &xmlSetter{places: places}
	var err error
	if s.clean, err = minimize.Compile(minimize.Rules{Limits: minimize.Limits{MaxBytes: maxSetBytes}}); err != nil {
		return nil, err
	}
	if s.remove, err = remover(places); err != nil {
		return nil, err
	}
	for _, p := range places {
		if err := s.check(p.path); err != nil {
			return nil, err
		}
		if _, err := s.clean.AppendXML(nil, nestedXML("", p.path, p.value), minimize.Redact, nil); err != nil {
			return nil, fmt.Errorf("the value for %s cannot stand in XML", spell(p.path))
		}
		s.markers = append(s.markers, newMarker())
	}
	return s, nil
}

// check accepts elements inside of the root, and attributes.
func (s *xmlSetter) check(path []string) error {
	last := len(path) - 1
	for i, name := range path {
		if _, attribute := strings.CutPrefix(name, "@"); attribute && (i == 0 || i < last) {
			return fmt.Errorf("path %s: only the last name can be an attribute, after that of its element", spell(path))
		}
	}
	if last == 0 {
		return fmt.Errorf("path %s: the root element itself cannot be the credential's place", spell(path))
	}
	if _, err := s.clean.AppendXML(nil, nestedXML("", path, ""), minimize.Redact, nil); err != nil {
		return fmt.Errorf("path %s: not all names can be those of XML", spell(path))
	}
	return nil
}

// newMarker is an element whose name no client can know: it keeps the place of a credential while everything that looks like it is cut out.
func newMarker() string {
	random := make([]byte, 16)
	rand.Read(random)
	return "<m" + hex.EncodeToString(random) + "/>"
}

func (s *xmlSetter) set(body []byte) ([]byte, error) {
	// First of all the document is one that can be read with one meaning; comments go.
	doc, err := s.clean.AppendXML(nil, body, minimize.Redact, nil)
	if err != nil {
		return nil, err
	}
	filled := make([][]byte, len(s.places))
	for i, p := range s.places {
		e, found, err := findElement(doc, p.path)
		if err != nil {
			return nil, err
		}
		if _, attribute := strings.CutPrefix(p.path[len(p.path)-1], "@"); found && !attribute {
			filled[i] = e.filled(doc, p.value)
			doc = spliced(doc, e.start, e.end, []byte(s.markers[i]))
		}
	}
	if doc, err = s.remove.AppendXML(nil, doc, minimize.Redact, nil); err != nil {
		return nil, err
	}
	for i, p := range s.places {
		if at := bytes.Index(doc, []byte(s.markers[i])); filled[i] != nil && at >= 0 {
			doc = spliced(doc, at, at+len(s.markers[i]), filled[i])
		} else if doc, err = insertXML(doc, p); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// findElement follows the path; found is false where it breaks off. An attribute's element stands for it.
func findElement(doc []byte, path []string) (e element, found bool, _ error) {
	e, depth, err := deepest(doc, path)
	if _, attribute := strings.CutPrefix(path[len(path)-1], "@"); attribute {
		depth++
	}
	return e, depth == len(path), err
}

// deepest is the last element of the path that the document has, and how many names lead to it. The root must be the path's.
func deepest(doc []byte, path []string) (e element, depth int, _ error) {
	e, found := nextElement(doc, 0, len(doc))
	if !found || e.local(doc) != path[0] {
		return e, 0, noPlace(path[:1], "the credential goes into a document with this root element: send one")
	}
	for depth = 1; depth < len(path) && path[depth][0] != '@'; depth++ {
		inner, count := e.children(doc, path[depth])
		if count == 0 {
			break
		}
		if count > 1 && depth < len(path)-1 {
			return e, depth, noPlace(path[:depth+1], "the credential goes into this element, which is there more than once: send it once")
		}
		e = inner
	}
	return e, depth, nil
}

// insertXML adds what the document lacks of the path.
func insertXML(doc []byte, p place) ([]byte, error) {
	e, depth, err := deepest(doc, p.path)
	if err != nil {
		return nil, err
	}
	missing := p.path[depth:]
	if len(missing) == 0 {
		return nil, noPlace(p.path, "the body holds the credential's element still")
	}
	if name, attribute := strings.CutPrefix(missing[0], "@"); attribute {
		return spliced(doc, e.attributesEnd, e.attributesEnd, appendAttribute(nil, name, p.value)), nil
	}
	addition := nestedXML(e.prefix(doc), missing, p.value)
	switch container := len(missing) > 1; {
	case e.empty:
		addition = append(append([]byte{'>'}, addition...), "</"+e.name(doc)+">"...)
		return spliced(doc, e.attributesEnd, e.tagEnd, addition), nil
	case container:
		return spliced(doc, e.tagEnd, e.tagEnd, addition), nil
	default:
		return spliced(doc, e.closing, e.closing, addition), nil
	}
}

// nestedXML is a value inside of the elements that the path asks for.
func nestedXML(prefix string, path []string, value string) []byte {
	name := prefix + path[0]
	if len(path) == 2 {
		if attribute, ok := strings.CutPrefix(path[1], "@"); ok {
			return append(appendAttribute([]byte("<"+name), attribute, value), "/>"...)
		}
	}
	out := []byte("<" + name + ">")
	if len(path) > 1 {
		out = append(out, nestedXML(prefix, path[1:], value)...)
	} else {
		out = appendEscapedXML(out, value)
	}
	return append(out, "</"+name+">"...)
}

func appendAttribute(dst []byte, name, value string) []byte {
	dst = append(dst, " "+name+`="`...)
	return append(appendEscapedXML(dst, value), '"')
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;", "\t", "&#9;")

// appendEscapedXML appends a value as text or as the inside of an attribute.
func appendEscapedXML(dst []byte, value string) []byte {
	return append(dst, xmlEscapes.Replace(value)...)
}

// setXML returns a copy of an XML document with one value set; what is missing on the way to its place is made.
func setXML(body []byte, path, value string) ([]byte, error) {
	names, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, noPlace(names, "the carrier takes its token in the body of the request, which has none: send a body in format XML")
	}
	s, err := newXMLSetter([]place{{names, value}})
	if err != nil {
		return nil, err
	}
	return s.set(body)
}
