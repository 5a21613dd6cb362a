package minimize

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
)

// attribute is one of a start tag.
type attribute struct {
	start, end int    // in src, with the white space before it
	prefix     []byte // empty when it has none
	local      []byte
	value      []byte // between the quotes, as written
	declares   bool   // it is xmlns or xmlns:prefix
}

// binding is what a prefix means, empty for the default namespace.
type binding struct{ prefix, uri []byte }

const (
	uriXML   = "http://www.w3.org/XML/1998/namespace"
	uriXMLNS = "http://www.w3.org/2000/xmlns/"
)

// startName reads < and the name of a start tag, and enters the element.
func (w *xmlWalker) startName() *Error {
	if w.peek() != '<' {
		return w.failAt(w.pos, xmlFaultEnd)
	}
	if len(w.elements) == w.program.limits.MaxDepth {
		return w.fail(RuleTooDeep, fmt.Sprintf("more than %d nested elements", w.program.limits.MaxDepth))
	}
	end, colon, f := scanName(w.src, w.pos+1)
	if f != nil {
		return w.failAt(end, f)
	}
	e := xmlElement{name: w.src[w.pos+1 : end], bindings: len(w.bindings)}
	e.local = e.name
	if colon > 0 {
		e.local = w.src[colon+1 : end]
	}
	w.elements = append(w.elements, e)
	w.pos = end
	return nil
}

// startTag reads what follows the name of a start tag, into attrs. empty: the element has no end tag.
func (w *xmlWalker) startTag() (empty bool, _ *Error) {
	w.attrs = w.attrs[:0]
	for {
		start := w.pos
		w.space()
		switch c := w.peek(); {
		case c == '>':
			w.pos++
			return false, w.namespaces()
		case c == '/' && w.at("/>"):
			w.pos += 2
			return true, w.namespaces()
		case start == w.pos:
			return false, w.fail(RuleInvalidXML, "expected white space, > or /> in a start tag")
		}
		if len(w.attrs) == w.program.limits.MaxMembers {
			return false, w.fail(RuleTooManyMembers, fmt.Sprintf("more than %d attributes of one element", len(w.attrs)))
		}
		a, err := w.attribute(start)
		if err != nil {
			return false, err
		}
		w.attrs = append(w.attrs, a)
	}
}

func (w *xmlWalker) attribute(start int) (a attribute, _ *Error) {
	end, colon, f := scanName(w.src, w.pos)
	if f != nil {
		return a, w.failAt(end, f)
	}
	if a.local = w.src[w.pos:end]; colon > 0 {
		a.prefix, a.local = w.src[w.pos:colon], w.src[colon+1:end]
	}
	w.pos = end
	w.space()
	if w.peek() != '=' {
		return a, w.fail(RuleInvalidXML, "expected = after the name of an attribute")
	}
	w.pos++
	w.space()
	if c := w.peek(); c != '"' && c != '\'' {
		return a, w.fail(RuleInvalidXML, "expected the value of an attribute in quotes")
	}
	if end, f = scanValue(w.src, w.pos); f != nil {
		return a, w.failAt(end, f)
	}
	a.value = w.src[w.pos+1 : end-1]
	w.pos = end
	a.start, a.end = start, end
	a.declares = string(a.prefix) == "xmlns" || len(a.prefix) == 0 && string(a.local) == "xmlns"
	return a, nil
}

// namespaces brings the declarations of a start tag into force and checks its prefixes and duplicates by them.
func (w *xmlWalker) namespaces() *Error {
	for i := range w.attrs {
		if a := &w.attrs[i]; a.declares {
			if err := w.declare(a); err != nil {
				return err
			}
		}
	}
	e := &w.elements[len(w.elements)-1]
	if n := len(e.name) - len(e.local); n > 0 && w.uri(e.name[:n-1]) == nil {
		return w.fail(RuleInvalidXML, "the prefix of the element is not declared")
	}
	for i := range w.attrs {
		if a := &w.attrs[i]; len(a.prefix) > 0 && !a.declares && w.uri(a.prefix) == nil {
			return w.fail(RuleInvalidXML, "the prefix of an attribute is not declared")
		}
	}
	if w.repeated() {
		return w.fail(RuleDuplicateKey, "the element has an attribute twice")
	}
	return nil
}

func (w *xmlWalker) declare(a *attribute) *Error {
	b := binding{uri: a.value}
	if bytes.IndexByte(b.uri, '&') >= 0 {
		b.uri = appendXMLText(nil, b.uri)
	}
	if len(a.prefix) > 0 {
		b.prefix = a.local
	}
	switch {
	case isXInclude(b.uri):
		return w.fail(RuleXInclude, "XInclude is not accepted: send the document whole")
	case (string(b.uri) == uriXML) != (string(b.prefix) == "xml") || string(b.uri) == uriXMLNS || string(b.prefix) == "xmlns":
		return w.fail(RuleInvalidXML, "the namespaces of xml and xmlns cannot be declared otherwise than they are")
	case len(b.uri) == 0 && len(b.prefix) > 0:
		return w.fail(RuleInvalidXML, "a prefix is declared without a namespace")
	case bytes.ContainsAny(b.uri, " \t\r\n"):
		return w.fail(RuleInvalidXML, "the name of a namespace has no white space")
	}
	w.bindings = append(w.bindings, b)
	return nil
}

// isXInclude recognizes the namespaces of all drafts.
func isXInclude(uri []byte) bool {
	const name = "xinclude"
	for i := 0; i+len(name) <= len(uri); i++ {
		if uri[i]|0x20 == 'x' && bytes.EqualFold(uri[i:i+len(name)], []byte(name)) {
			return true
		}
	}
	return false
}

// uri returns what a prefix stands for, nil when it is not declared.
func (w *xmlWalker) uri(prefix []byte) []byte {
	for _, b := range slices.Backward(w.bindings) {
		if bytes.Equal(b.prefix, prefix) {
			return b.uri
		}
	}
	if string(prefix) == "xml" {
		return []byte(uriXML)
	}
	return nil
}

// repeated says whether two attributes of the start tag are the same one.
func (w *xmlWalker) repeated() bool {
	if len(w.attrs) <= smallObject {
		for i := range w.attrs {
			if w.sameBefore(i) {
				return true
			}
		}
		return false
	}
	if w.seenAttr == nil {
		w.seenAttr = map[uint64]struct{}{}
	}
	clear(w.seenAttr)
	for i := range w.attrs {
		hash := maphash.Bytes(hashSeed, w.attrs[i].local)
		if _, hit := w.seenAttr[hash]; hit && w.sameBefore(i) {
			return true
		}
		w.seenAttr[hash] = struct{}{}
	}
	return false
}

// sameBefore says whether an attribute before the i-th has its expanded name.
func (w *xmlWalker) sameBefore(i int) bool {
	a := &w.attrs[i]
	for j := range i {
		b := &w.attrs[j]
		if !bytes.Equal(a.local, b.local) || (len(a.prefix) == 0) != (len(b.prefix) == 0) || a.declares != b.declares {
			continue
		}
		if bytes.Equal(a.prefix, b.prefix) || !a.declares && bytes.Equal(w.uri(a.prefix), w.uri(b.prefix)) {
			return true
		}
	}
	return false
}

// endTag reads the end tag of the innermost element, which stays entered.
func (w *xmlWalker) endTag() *Error {
	w.pos += len("</")
	name := w.elements[len(w.elements)-1].name
	if !bytes.HasPrefix(w.src[w.pos:], name) {
		return w.fail(RuleInvalidXML, "the end tag is not that of the open element")
	}
	w.pos += len(name)
	w.space()
	if w.peek() != '>' {
		return w.fail(RuleInvalidXML, "the end tag is not that of the open element")
	}
	w.pos++
	return nil
}

// comment takes a comment out, and refuses all else that begins with <! or <?.
func (w *xmlWalker) comment() *Error {
	if err := w.skipComment(); err != nil {
		return err
	}
	w.drop(w.memberPath([]byte(nameComment)))
	return nil
}

func (w *xmlWalker) skipComment() *Error {
	switch {
	case w.at("<?"):
		return w.fail(RuleProcessingInstruction, "a processing instruction is not accepted")
	case w.at("<![CDATA["):
		return w.fail(RuleInvalidXML, "a CDATA section outside the root element")
	case !w.at("<!--"):
		return w.fail(RuleDoctype, "DOCTYPE and other declarations are not accepted: send the document without")
	}
	end, f := scanUntil(w.src, w.pos+len("<!--"), "--")
	if f == nil && (end == len(w.src) || w.src[end] != '>') {
		f = &fault{RuleInvalidXML, "-- inside a comment"}
	}
	if f != nil {
		return w.failAt(end, f)
	}
	w.pos = end + 1
	return nil
}

// section moves over a CDATA section.
func (w *xmlWalker) section() *Error {
	end, f := scanUntil(w.src, w.pos+len("<![CDATA["), "]]>")
	if f != nil {
		return w.failAt(end, f)
	}
	w.pos = end
	return nil
}

func (w *xmlWalker) pop() {
	last := len(w.elements) - 1
	w.bindings = w.bindings[:w.elements[last].bindings]
	w.elements = w.elements[:last]
}

func (w *xmlWalker) space() {
	for w.pos < len(w.src) && xmlClass[w.src[w.pos]]&xmlSpace != 0 {
		w.pos++
	}
}

func (w *xmlWalker) failAt(pos int, f *fault) *Error {
	w.pos = pos
	return w.fail(f.rule, f.detail)
}

func (w *xmlWalker) fail(rule, detail string) *Error {
	if w.pos >= len(w.src) && rule == RuleInvalidXML {
		detail = xmlFaultEnd.detail
	}
	return &Error{Rule: rule, Path: string(w.currentPath()), Offset: w.pos, Detail: detail}
}

// currentPath spells the way to the innermost open element in a buffer that the next call reuses.
func (w *xmlWalker) currentPath() []byte {
	path := w.appendRoot(w.path[:0])
	for i := range w.elements {
		path = appendName(path, w.elements[i].local, w.program.known)
	}
	w.path = path
	return path
}

// memberPath adds the name of an attribute, text or comment to it.
func (w *xmlWalker) memberPath(name []byte) []byte {
	w.path = appendMarked(w.currentPath(), name, w.program.known)
	return w.path
}
