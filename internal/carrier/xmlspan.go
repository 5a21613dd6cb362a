package carrier

import (
	"bytes"
	"strings"
)

// element is where an element of a well-formed document begins and ends. Documents come here after package minimize has checked them:
// no DOCTYPE, no comments, no processing instruction but the XML declaration.
type element struct {
	start, nameEnd int
	attributesEnd  int // before /> or >
	tagEnd         int // behind the start tag
	closing        int // before the end tag; tagEnd without one
	end            int
	empty          bool // <a/>
}

func (e *element) name(doc []byte) string { return string(doc[e.start+1 : e.nameEnd]) }

// prefix of the name, with its colon.
func (e *element) prefix(doc []byte) string {
	name := e.name(doc)
	return name[:strings.IndexByte(name, ':')+1]
}

func (e *element) local(doc []byte) string {
	name := e.name(doc)
	return name[strings.IndexByte(name, ':')+1:]
}

// filled is the element with a value instead of its content. Its attributes stay, as a type or a declared namespace has to, but for one
// by which it says that it has no value (xsi:nil).
func (e *element) filled(doc []byte, value string) []byte {
	out := bytes.Clone(doc[e.start:e.nameEnd])
	for pos := e.nameEnd; pos < e.attributesEnd; {
		equals := bytes.IndexByte(doc[pos:e.attributesEnd], '=')
		if equals < 0 {
			break
		}
		name := strings.TrimSpace(string(doc[pos : pos+equals]))
		quote := pos + equals + 1
		for isXMLSpace(doc[quote]) {
			quote++
		}
		end := quote + 2 + bytes.IndexByte(doc[quote+1:], doc[quote])
		if name != "nil" && !strings.HasSuffix(name, ":nil") {
			out = append(out, doc[pos:end]...)
		}
		pos = end
	}
	return append(append(appendEscapedXML(append(out, '>'), value), "</"+e.name(doc)...), '>')
}

// children counts the elements of that local name directly inside, and returns the first.
func (e *element) children(doc []byte, local string) (first element, count int) {
	for pos := e.tagEnd; pos < e.closing; {
		inner, ok := nextElement(doc, pos, e.closing)
		if !ok {
			break
		}
		if inner.local(doc) == local {
			if count++; count == 1 {
				first = inner
			}
		}
		pos = inner.end
	}
	return first, count
}

// nextElement is the first element that begins between pos and end.
func nextElement(doc []byte, pos, end int) (e element, ok bool) {
	start, opens := nextTag(doc, pos, end)
	if start < 0 || !opens {
		return e, false
	}
	e = startTag(doc, start)
	if e.empty {
		return e, true
	}
	for depth, at := 1, e.tagEnd; ; {
		tag, opens := nextTag(doc, at, end)
		switch {
		case tag < 0:
			return e, false
		case opens:
			inner := startTag(doc, tag)
			if at = inner.tagEnd; !inner.empty {
				depth++
			}
			continue
		}
		at = tag + bytes.IndexByte(doc[tag:], '>') + 1
		if depth--; depth == 0 {
			e.closing, e.end = tag, at
			return e, true
		}
	}
}

// nextTag finds the next start or end tag; -1 if there is none. CDATA sections and the XML declaration are none.
func nextTag(doc []byte, pos, end int) (at int, opens bool) {
	for pos < end {
		open := bytes.IndexByte(doc[pos:end], '<')
		if open < 0 || pos+open+1 >= end {
			return -1, false
		}
		pos += open
		closing := ""
		switch rest := doc[pos:end]; {
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			closing = "]]>"
		case bytes.HasPrefix(rest, []byte("<?")):
			closing = "?>"
		default:
			return pos, doc[pos+1] != '/'
		}
		skip := bytes.Index(doc[pos:end], []byte(closing))
		if skip < 0 {
			return -1, false
		}
		pos += skip + len(closing)
	}
	return -1, false
}

// startTag reads the start tag at pos.
func startTag(doc []byte, pos int) element {
	e := element{start: pos}
	at := pos + 1
	for at < len(doc) && !isXMLSpace(doc[at]) && doc[at] != '>' && doc[at] != '/' {
		at++
	}
	e.nameEnd = at
	for quote := byte(0); at < len(doc) && (quote != 0 || doc[at] != '>'); at++ {
		switch c := doc[at]; {
		case quote == c:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	e.attributesEnd, e.tagEnd = at, min(at+1, len(doc))
	if doc[at-1] == '/' {
		e.empty = true
		e.attributesEnd--
	}
	for isXMLSpace(doc[e.attributesEnd-1]) {
		e.attributesEnd--
	}
	e.closing, e.end = e.tagEnd, e.tagEnd
	return e
}

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
