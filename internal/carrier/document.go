package carrier

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// document is a small message in which places are looked up: JSON, or XML as the same kind of tree. Names match exactly; those of
// XML without their prefix.
type document struct{ root any }

// xmlElement is an element of XML. Of several of the same name the first counts.
type xmlElement struct {
	members map[string]any // *xmlElement, or the string of an @attribute
	content strings.Builder
	parent  *xmlElement
}

// value is the text of a string or number.
func (d document) value(path []string) (text string, found bool) {
	switch v := d.at(path).(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case *xmlElement:
		return strings.TrimSpace(v.content.String()), true
	default:
		return "", false
	}
}

// text is value, but of a string only.
func (d document) text(path []string) (text string, found bool) {
	if _, number := d.at(path).(json.Number); number {
		return "", false
	}
	return d.value(path)
}

func (d document) at(path []string) any {
	v := d.root
	for _, name := range path {
		switch container := v.(type) {
		case map[string]any:
			v = container[name]
		case *xmlElement:
			v = container.members[name]
		default:
			return nil
		}
	}
	return v
}

// parseJSON reads one JSON object.
func parseJSON(body []byte) (document, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var root map[string]any
	err := d.Decode(&root)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errors.New("more than one document")
		}
	}
	if err != nil || root == nil {
		return document{}, errors.New("the answer is not the JSON object that a token response must be")
	}
	return document{root}, nil
}

const maxXMLDepth = 64

// parseXML reads one XML document in UTF-8. Its root is a member of the tree, so that paths begin with its name.
func parseXML(body []byte) (document, error) {
	failure := errors.New("the answer is not the XML document that a token response must be")
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") {
			return input, nil
		}
		return nil, failure
	}
	top := &xmlElement{members: map[string]any{}}
	at, depth := top, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && at == top && len(top.members) == 1 {
			return document{top}, nil
		}
		if err != nil {
			return document{}, failure
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxXMLDepth || at == top && len(top.members) > 0 {
				return document{}, failure
			}
			at = at.enter(t)
		case xml.EndElement:
			at, depth = at.parent, depth-1
		case xml.CharData:
			at.content.Write(t)
		case xml.Directive: // a DOCTYPE: nothing good comes of it
			return document{}, failure
		}
	}
}

func (e *xmlElement) enter(t xml.StartElement) *xmlElement {
	child := &xmlElement{members: map[string]any{}, parent: e}
	for _, a := range t.Attr {
		child.members["@"+a.Name.Local] = a.Value
	}
	if _, again := e.members[t.Name.Local]; !again {
		e.members[t.Name.Local] = child
	}
	return child
}
