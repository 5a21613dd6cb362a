package minimize

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The oracle for XML shares nothing with the scanner: a tree is built from the tokens of encoding/xml, and rules are asked
// about it as about JSON, where attributes are members @name and text is the member #text.

type xmlNode struct {
	name     xml.Name // Space is the prefix
	attrs    []xml.Attr
	children []xmlChild

	container bool // has elements in the original
}

// xmlChild is an element or a piece of text between two pieces of markup.
type xmlChild struct {
	element *xmlNode
	text    string
	blank   bool // white space as such, not by a reference or in CDATA
}

func declares(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns"
}

// decodeXML reads one document. Comments, the declaration and what is outside the root are left out.
func decodeXML(src []byte) (root *xmlNode, comments int, _ error) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	d := xml.NewDecoder(bytes.NewReader(src))
	var open []*xmlNode
	for {
		start := d.InputOffset()
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &xmlNode{name: t.Name, attrs: slices.Clone(t.Attr)}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, xmlChild{element: n})
			} else if root != nil {
				return nil, 0, fmt.Errorf("two roots")
			} else {
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].name != t.Name {
				return nil, 0, fmt.Errorf("mismatched end tag")
			}
			open = open[:len(open)-1]
		case xml.CharData:
			raw := string(src[start:d.InputOffset()])
			c := xmlChild{text: string(t), blank: strings.Trim(raw, " \t\r\n") == ""}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, c)
			} else if !c.blank {
				return nil, 0, fmt.Errorf("text outside the root")
			}
		case xml.Comment:
			comments++
		case xml.Directive:
			return nil, 0, fmt.Errorf("directive")
		case xml.ProcInst:
			if t.Target != "xml" || start != 0 {
				return nil, 0, fmt.Errorf("processing instruction")
			}
		}
	}
	if root == nil || len(open) > 0 {
		return nil, 0, fmt.Errorf("no root, or one that is not closed")
	}
	return root, comments, nil
}

func (n *xmlNode) hasElements() bool {
	return slices.ContainsFunc(n.children, func(c xmlChild) bool { return c.element != nil })
}

// split returns the elements inside and the text around all of them.
func (n *xmlNode) split() (elements []*xmlNode, texts []string) {
	texts = []string{""}
	for _, c := range n.children {
		if c.element != nil {
			elements, texts = append(elements, c.element), append(texts, "")
		} else {
			texts[len(texts)-1] += c.text
		}
	}
	return elements, texts
}

// diffXML tells the first difference. White space beside elements of the original does not count: it may be dropped.
func diffXML(got, want *xmlNode) string {
	if got.name != want.name {
		return fmt.Sprintf("got %v, want %v", got.name, want.name)
	}
	if !slices.Equal(got.attrs, want.attrs) {
		return fmt.Sprintf("%v: got %v, want %v", got.name, got.attrs, want.attrs)
	}
	gotElements, gotTexts := got.split()
	wantElements, wantTexts := want.split()
	if len(gotElements) != len(wantElements) {
		return fmt.Sprintf("%v: got %d elements, want %d", got.name, len(gotElements), len(wantElements))
	}
	for i, text := range gotTexts {
		other := wantTexts[i]
		if want.container {
			text, other = strings.Join(strings.Fields(text), ""), strings.Join(strings.Fields(other), "")
		}
		if text != other {
			return fmt.Sprintf("%v: got %q, want %q", got.name, text, other)
		}
	}
	for i, e := range gotElements {
		if diff := diffXML(e, wantElements[i]); diff != "" {
			return diff
		}
	}
	return ""
}

// keeps says whether the rules keep a value at this place, met marks the required paths that select it.
func (o *oracle) keeps(at []step) bool {
	cut := anyAtOrAbove(o.remove, at, true)
	return anyAtOrAbove(o.keep, at, false) || !cut && (len(o.allow) == 0 || anyAtOrAbove(o.allow, at, false))
}

func (o *oracle) meet(at []step) {
	for i, path := range o.require {
		if selects(path, at, false) {
			o.present[i] = true
		}
	}
}

// reduceXML returns what is left of an element, or nil.
func (o *oracle) reduceXML(n *xmlNode, at []step) *xmlNode {
	at = append(slices.Clip(at), step{name: n.name.Local})
	o.meet(at)
	left := &xmlNode{name: n.name, container: n.hasElements()}
	all, kept := 0, 0
	member := func(name string) bool {
		here := append(slices.Clip(at), step{name: name})
		o.meet(here)
		all++
		if o.keeps(here) {
			kept++
			return true
		}
		o.removed++
		return false
	}
	for _, a := range n.attrs {
		if declares(a) || member("@"+a.Name.Local) {
			left.attrs = append(left.attrs, a)
		}
	}
	for _, c := range n.children {
		switch {
		case c.element != nil:
			all++
			if r := o.reduceXML(c.element, at); r != nil {
				kept++
				left.children = append(left.children, xmlChild{element: r})
			}
		case c.blank && left.container:
		case c.blank || member("#text"):
			left.children = append(left.children, c)
		}
	}
	cut := anyAtOrAbove(o.remove, at, true)
	explicit := anySelects(o.keep, at, false) || !cut && anySelects(o.allow, at, false)
	if kept > 0 || explicit || all == 0 && o.keeps(at) || len(at) == 1 && o.leadsInto(at) {
		return left
	}
	if all == 0 {
		o.removed++
	}
	return nil
}

// leadsInto says whether a rule may select something inside the root element, or keeps it: such a root stays.
func (o *oracle) leadsInto(at []step) bool {
	if o.keeps(at) {
		return true
	}
	inside := func(path []segment, fold bool) bool {
		return selects(path[:1], at, fold) && len(path) > 1 || path[0].descendant || path[0].wildcard && len(path) > 1
	}
	cut := anyAtOrAbove(o.remove, at, true)
	for _, path := range o.keep {
		if inside(path, false) {
			return true
		}
	}
	for _, path := range o.allow {
		if len(path) > 0 && inside(path, false) && !cut {
			return true
		}
	}
	return false
}
