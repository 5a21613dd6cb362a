package minimize

import "bytes"

const utf8Mark = "\xef\xbb\xbf"

// prolog passes what may stand before everything else: a byte order mark of UTF-8, which leaves no doubt in XML, and the
// XML declaration.
func (w *xmlWalker) prolog() *Error {
	if err := w.checkSize(); err != nil {
		return err
	}
	if bytes.HasPrefix(w.src, []byte(utf8Mark)) && w.level == 0 {
		w.pos = len(utf8Mark)
	} else if mark := byteOrderMark(w.src); mark {
		return w.fail(RuleByteOrderMark, "the document starts with a byte order mark of UTF-16: send UTF-8")
	}
	if w.at("<?xml") && w.pos+5 < len(w.src) && xmlClass[w.src[w.pos+5]]&xmlSpace != 0 {
		if err := w.declaration(); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, w.src[:w.pos]...)
	return nil
}

// byteOrderMark finds the marks of UTF-8 and of both kinds of UTF-16.
func byteOrderMark(src []byte) bool {
	for _, mark := range []string{utf8Mark, "\xfe\xff", "\xff\xfe"} {
		if bytes.HasPrefix(src, []byte(mark)) {
			return true
		}
	}
	return false
}

// declaration reads the XML declaration: version, encoding, standalone, in this order, of which the first is required.
func (w *xmlWalker) declaration() *Error {
	w.pos += len("<?xml")
	version, given, err := w.pseudoAttribute("version")
	if err != nil {
		return err
	}
	if !given || string(version) != "1.0" {
		return w.fail(RuleInvalidXML, "only XML 1.0 is accepted")
	}
	encoding, given, err := w.pseudoAttribute("encoding")
	if err != nil {
		return err
	}
	if given && !bytes.EqualFold(encoding, []byte("utf-8")) {
		return w.fail(RuleCharset, "only the encoding UTF-8 is accepted")
	}
	standalone, given, err := w.pseudoAttribute("standalone")
	if err != nil {
		return err
	}
	if w.space(); !w.at("?>") || given && string(standalone) != "yes" && string(standalone) != "no" {
		return w.fail(RuleInvalidXML, "the XML declaration is malformed")
	}
	w.pos += len("?>")
	return nil
}

func (w *xmlWalker) pseudoAttribute(name string) (value []byte, given bool, _ *Error) {
	start := w.pos
	w.space()
	if !w.at(name) {
		w.pos = start
		return nil, false, nil
	}
	if start == w.pos {
		return nil, false, w.fail(RuleInvalidXML, "the XML declaration is malformed")
	}
	a, err := w.attribute(start)
	if err == nil && (string(a.local) != name || len(a.prefix) > 0) {
		err = w.fail(RuleInvalidXML, "the XML declaration is malformed")
	}
	return a.value, true, err
}
