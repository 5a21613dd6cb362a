package minimize

import "bytes"

// maxLevel bounds documents inside documents. Each level decodes and copies.
const maxLevel = 4

// documentIn returns the state of the document that the text of an element is, nil for plain text.
func documentIn(s *state) *state {
	switch {
	case s.document != nil:
		return s
	case s.text.document != nil:
		return s.text
	}
	return nil
}

// isDocument says whether a text with this state is to be read as a document. A blank one is not, and one that goes as a
// whole need not be.
func isDocument(s *state, text []byte) bool {
	return s.document != nil && !s.uniform && !isBlank(text)
}

func isBlank(text []byte) bool { return len(bytes.TrimLeft(text, " \t\r\n")) == 0 }

// embedded minimizes the document that a value with state s is. value must not change meanwhile and path is the value's.
// rest is what the rules leave, when changed; kept says whether they leave anything.
func (w *walk) embedded(s *state, value, path []byte) (rest []byte, kept, changed bool, _ *Error) {
	if w.level == maxLevel {
		return nil, false, false, &Error{Rule: RuleTooDeep, Path: string(path), Offset: -1, Detail: "documents inside documents inside documents"}
	}
	value = bytes.TrimLeft(value, " \t\r\n") // else an XML declaration would not come first
	inner := w.program.newWalk(make([]byte, 0, len(value)), value, w.mode, w.removed)
	inner.level, inner.prefix = w.level+1, string(path)
	var err *Error
	switch s.embedded {
	case FormatXML:
		x := xmlWalkers.Get().(*xmlWalker)
		defer x.release()
		x.walk = inner
		kept, err = x.document(s.document)
		inner = x.walk
	default:
		j := jsonWalkers.Get().(*jsonWalker)
		defer j.release()
		j.walk = inner
		kept, err = j.document(s.document)
		inner = j.walk
	}
	w.seen |= inner.seen
	if err != nil {
		err.Offset = w.pos // one inside the decoded text would mean nothing to the sender
		return nil, false, false, err
	}
	w.changed = w.changed || inner.changed
	return inner.dst, kept, inner.changed, nil
}

// embeddedText replaces the text of an element, which has been forwarded since textMark and decoded since decodedMark, by
// what the rules leave of the document that it is.
func (w *xmlWalker) embeddedText(c *content, textMark, decodedMark int) *Error {
	if c.elements > 0 {
		return w.fail(RuleInvalidXML, "elements beside the text of a document")
	}
	w.seen |= c.state.text.requires
	c.all++
	text := w.decoded[decodedMark:]
	w.decoded = w.decoded[:decodedMark]
	if isBlank(text) { // by references
		if c.state.text.keep {
			c.left, c.textsLeft = c.left+1, c.texts
		} else {
			w.dst = w.dst[:textMark]
			w.changed = true
		}
		return nil
	}
	c.texts = 0
	rest, kept, changed, err := w.embedded(c.document, text, w.currentPath())
	if err != nil {
		return err
	}
	if changed {
		w.dst = w.dst[:textMark]
	}
	if !kept {
		return nil
	}
	c.left++
	if changed {
		w.dst = appendXMLEscaped(w.dst, rest, false)
	}
	return nil
}

// embeddedValue forwards an attribute whose value is a document.
func (w *xmlWalker) embeddedValue(s *state, a *attribute, c *content) *Error {
	start := len(w.decoded)
	w.decoded = appendXMLText(w.decoded, a.value)
	rest, kept, changed, err := w.embedded(s, w.decoded[start:], w.memberPath(w.attrName))
	w.decoded = w.decoded[:start]
	if err != nil || !kept && !s.explicit {
		return err
	}
	c.left++
	if !changed {
		w.dst = append(w.dst, w.src[a.start:a.end]...)
		return nil
	}
	if !kept {
		rest = nil
	}
	begin := a.end - len(a.value) - 1
	w.dst = appendXMLEscaped(append(w.dst, w.src[a.start:begin]...), rest, true)
	w.dst = append(w.dst, w.src[a.end-1])
	return nil
}

// embeddedString forwards the string at pos, which is a document.
func (w *jsonWalker) embeddedString(s *state) (kept bool, _ *Error) {
	start := w.pos
	if err := w.scalar(); err != nil {
		return false, err
	}
	value := w.src[start+1 : w.pos-1]
	if bytes.IndexByte(value, '\\') >= 0 {
		value = appendUnescaped(nil, value)
	}
	if !isDocument(s, value) {
		if !s.keep {
			w.drop(w.currentPath())
			return false, nil
		}
		w.dst = append(w.dst, w.src[start:w.pos]...)
		return true, nil
	}
	rest, kept, changed, err := w.embedded(s, value, w.currentPath())
	switch {
	case err != nil || !kept && !s.explicit:
		return false, err
	case !kept:
		w.dst = append(w.dst, `""`...)
	case changed:
		w.dst = append(appendEscaped(append(w.dst, '"'), rest), '"')
	default:
		w.dst = append(w.dst, w.src[start:w.pos]...)
	}
	return true, nil
}

// appendEscaped appends text as the inside of a JSON string.
func appendEscaped(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
