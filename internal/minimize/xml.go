package minimize

import (
	"bytes"
	"sync"
)

// Names of what an element holds besides elements. Attributes are @name.
const (
	nameText    = "#text"
	nameComment = "#comment"
)

// maxPooledAttrs is more than the elements of ordinary documents have: the buffer is cleared after each.
const maxPooledAttrs = 64

var xmlWalkers = sync.Pool{New: func() any { return new(xmlWalker) }}

// AppendXML is AppendJSON for an XML 1.0 document, by the names that the package documentation defines. Comments go in the
// modes Redact and Enforce.
func (p *Program) AppendXML(dst, src []byte, mode Mode, r *Removed) ([]byte, error) {
	w := xmlWalkers.Get().(*xmlWalker)
	defer w.release()
	w.walk = p.newWalk(dst, src, mode, r)
	_, err := w.document(p.root)
	return w.finish(dst, err)
}

type xmlWalker struct {
	walk

	elements []xmlElement // open ones
	bindings []binding    // of namespace prefixes, in force
	attrs    []attribute  // of the current start tag
	seenAttr map[uint64]struct{}
	attrName []byte // @ and the local name of an attribute, or another name in its place
	decoded  []byte
	scratch  []byte
	path     []byte
}

type xmlElement struct {
	name     []byte // as written
	local    []byte // without its prefix
	bindings int    // number of those outside
}

// content is what was found in an element that rules lead into.
type content struct {
	state            *state
	mark             int    // where the element begins in dst
	all, left        int    // attributes, elements and texts: met, kept
	attrs, elements  int    // met
	texts, textsLeft int    // those among all that are text
	document         *state // of the document that the text is; nil for plain text
}

// release keeps the buffers for the next document and lets go of everything that refers to this one.
func (w *xmlWalker) release() {
	if cap(w.elements) > maxPooledNames || cap(w.attrs) > maxPooledAttrs || cap(w.decoded) > maxPooledBytes {
		return
	}
	clear(w.elements[:cap(w.elements)])
	clear(w.bindings[:cap(w.bindings)])
	clear(w.attrs[:cap(w.attrs)])
	*w = xmlWalker{elements: w.elements[:0], bindings: w.bindings[:0], attrs: w.attrs[:0], seenAttr: w.seenAttr,
		attrName: w.attrName[:0], decoded: w.decoded[:0], scratch: w.scratch[:0], path: w.path[:0]}
	xmlWalkers.Put(w)
}

// document forwards what the rules leave of the document whose root element is a member of the value with state s.
func (w *xmlWalker) document(s *state) (kept bool, _ *Error) {
	if err := w.prolog(); err != nil {
		return false, err
	}
	if err := w.misc(); err != nil {
		return false, err
	}
	if w.peek() != '<' {
		return false, w.fail(RuleInvalidXML, "expected the root element")
	}
	kept, err := w.element(s)
	if err != nil {
		return false, err
	}
	if !kept && w.level == 0 {
		return false, &Error{Rule: RuleRootNotAllowed, Path: "$", Offset: 0, Detail: "the rules leave nothing of the root element"}
	}
	if err := w.misc(); err != nil {
		return false, err
	}
	if w.pos < len(w.src) {
		return false, w.fail(RuleTrailingData, "data follows the end of the root element: send one document in a body")
	}
	return kept, nil
}

// misc passes white space and takes out comments, outside the root element.
func (w *xmlWalker) misc() *Error {
	for {
		start := w.pos
		for w.pos < len(w.src) && xmlClass[w.src[w.pos]]&xmlSpace != 0 {
			w.pos++
		}
		w.dst = append(w.dst, w.src[start:w.pos]...)
		if !w.at("<!") && !w.at("<?") {
			return nil
		}
		if err := w.comment(); err != nil {
			return err
		}
	}
}

// element forwards the element at pos, or what the rules leave of it, which is a member of a value with state in.
func (w *xmlWalker) element(in *state) (kept bool, _ *Error) {
	start := w.pos
	if err := w.startName(); err != nil {
		return false, err
	}
	s, err := w.member(in, w.elements[len(w.elements)-1].local)
	if err != nil {
		return false, err
	}
	w.seen |= s.requires
	if s.uniform {
		return s.keep, w.whole(s, start)
	}
	c := content{state: s, mark: len(w.dst)}
	w.dst = append(w.dst, w.src[start:w.pos]...)
	empty, err := w.startTag()
	if err != nil {
		return false, err
	}
	if err := w.attributes(&c); err != nil {
		return false, err
	}
	if empty {
		w.dst = append(w.dst, '/')
	}
	w.dst = append(w.dst, '>')
	if !empty {
		if err := w.content(&c); err != nil {
			return false, err
		}
	}
	return w.close(&c), nil
}

// member finds the state of an element or attribute and judges a variant of a known name.
func (w *xmlWalker) member(s *state, name []byte) (to *state, _ *Error) {
	var variant bool
	to, variant, w.scratch = s.next(name, w.scratch)
	if variant && w.variant() {
		return nil, w.fail(RuleKeyVariant, detailVariant)
	}
	return to, nil
}

// attributes forwards those of the start tag that the rules keep, and all declarations of namespaces: what is kept inside
// may need them.
func (w *xmlWalker) attributes(c *content) *Error {
	for i := range w.attrs {
		a := &w.attrs[i]
		if a.declares {
			w.dst = append(w.dst, w.src[a.start:a.end]...)
			continue
		}
		w.attrName = append(append(w.attrName[:0], '@'), a.local...)
		s, err := w.member(c.state, w.attrName)
		if err != nil {
			return err
		}
		w.seen |= s.requires
		c.all++
		c.attrs++
		switch {
		case isDocument(s, a.value):
			if err := w.embeddedValue(s, a, c); err != nil {
				return err
			}
			continue
		case !s.keep:
			w.drop(w.memberPath(w.attrName))
			continue
		}
		c.left++
		w.dst = append(w.dst, w.src[a.start:a.end]...)
	}
	return nil
}

// content forwards what the rules leave of everything up to and with the end tag.
func (w *xmlWalker) content(c *content) *Error {
	textMark, decodedMark := len(w.dst), len(w.decoded)
	c.document = documentIn(c.state)
	for {
		gap, texts := len(w.dst), c.texts
		if err := w.text(c); err != nil {
			return err
		}
		if c.texts > texts {
			gap = len(w.dst) // only white space before a removed element goes with it
		}
		var err *Error
		switch {
		case w.at("</"):
			return w.closing(c, textMark, decodedMark)
		case !w.at("<!") && !w.at("<?"):
			err = w.child(c, gap)
		case w.at("<![CDATA["):
			err = w.cdata(c)
		default:
			err = w.comment()
		}
		if err != nil {
			return err
		}
	}
}

// closing forwards the end tag, and before it what is left of a text that is a document.
func (w *xmlWalker) closing(c *content, textMark, decodedMark int) *Error {
	if c.document != nil && c.texts > 0 {
		if err := w.embeddedText(c, textMark, decodedMark); err != nil {
			return err
		}
	}
	start := w.pos
	if err := w.endTag(); err != nil {
		return err
	}
	w.dst = append(w.dst, w.src[start:w.pos]...)
	return nil
}

// child forwards an element inside, or takes it out with what follows gap in dst.
func (w *xmlWalker) child(c *content, gap int) *Error {
	kept, err := w.element(c.state)
	if err != nil {
		return err
	}
	c.all++
	c.elements++
	if kept {
		c.left++
	} else {
		w.dst = w.dst[:gap]
	}
	return nil
}

// text forwards the text up to the next markup.
func (w *xmlWalker) text(c *content) *Error {
	end, blank, f := scanText(w.src, w.pos)
	if f != nil {
		return w.failAt(end, f)
	}
	raw := w.src[w.pos:end]
	w.pos = end
	switch {
	case c.document != nil:
		w.decoded = appendXMLText(w.decoded, raw)
		w.dst = append(w.dst, raw...)
		if !blank {
			c.texts++
		}
	case blank:
		w.dst = append(w.dst, raw...)
	default:
		w.piece(c, raw)
	}
	return nil
}

// cdata forwards a CDATA section, which is text.
func (w *xmlWalker) cdata(c *content) *Error {
	start := w.pos
	if err := w.section(); err != nil {
		return err
	}
	raw := w.src[start:w.pos]
	if c.document == nil {
		w.piece(c, raw)
		return nil
	}
	c.texts++
	w.decoded = append(w.decoded, raw[len("<![CDATA["):len(raw)-len("]]>")]...)
	w.dst = append(w.dst, raw...)
	return nil
}

// piece forwards or leaves out a text that is not blank.
func (w *xmlWalker) piece(c *content, raw []byte) {
	s := c.state.text
	w.seen |= s.requires
	c.all++
	c.texts++
	if !s.keep {
		w.changed = true
		return
	}
	c.left++
	c.textsLeft++
	w.dst = append(w.dst, raw...)
}

// close decides whether the element stays that ends at pos.
func (w *xmlWalker) close(c *content) (kept bool) {
	root := len(w.elements) == 1 && w.level == 0
	kept = root && (c.state.keep || c.state.leads) || c.left > 0 || c.state.explicit || c.all == 0 && c.state.keep
	switch {
	case c.texts > c.textsLeft && (c.elements > 0 || c.attrs > 0):
		w.drop(w.memberPath([]byte(nameText)))
	case c.texts > c.textsLeft, c.all == 0 && !kept: // a text alone is what the element is
		w.drop(w.currentPath())
	}
	if !kept {
		w.dst = w.dst[:c.mark]
	}
	w.pop()
	return kept
}

// whole forwards or leaves out an element, of which the start tag's name has been read, with all that is in it.
func (w *xmlWalker) whole(s *state, start int) *Error {
	if !s.keep {
		w.drop(w.currentPath())
	}
	outside := len(w.elements) - 1
	for {
		empty, err := w.startTag()
		if err != nil {
			return err
		}
		if empty {
			w.pop()
		}
		for inside := true; inside; {
			if len(w.elements) == outside {
				if s.keep {
					w.dst = append(w.dst, w.src[start:w.pos]...)
				}
				return nil
			}
			if inside, err = w.next(s, &start); err != nil {
				return err
			}
		}
		if err := w.startName(); err != nil {
			return err
		}
	}
}

// next moves over text and one piece of markup. inside is false before a start tag. Comments split what is kept: start is
// where the part begins that has not been forwarded.
func (w *xmlWalker) next(s *state, start *int) (inside bool, _ *Error) {
	end, _, f := scanText(w.src, w.pos)
	if f != nil {
		return false, w.failAt(end, f)
	}
	w.pos = end
	switch {
	case w.at("</"):
		err := w.endTag()
		if err == nil {
			w.pop()
		}
		return true, err
	case w.at("<![CDATA["):
		return true, w.section()
	case !w.at("<!") && !w.at("<?"):
		return false, nil
	case !s.keep:
		return true, w.skipComment()
	}
	w.dst = append(w.dst, w.src[*start:w.pos]...)
	err := w.comment()
	*start = w.pos
	return true, err
}

// at says whether the source goes on with these bytes.
func (w *xmlWalker) at(s string) bool { return bytes.HasPrefix(w.src[w.pos:], []byte(s)) }
