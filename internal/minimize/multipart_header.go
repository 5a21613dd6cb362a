package minimize

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxPartHeaders     = 16
	maxPartHeaderBytes = 8 << 10
)

// header is one line of a part. The value of the structured ones, Content-Disposition and Content-Type, is split.
type header struct {
	name   string // in lower case
	line   []byte // as written, without its end; of structured ones up to the first semicolon
	value  string // likewise
	params []parameterOf
}

// parameterOf is one ;name=value of a header.
type parameterOf struct {
	name     string // in lower case
	raw      []byte // from its semicolon on
	value    string
	extended bool // its name has an asterisk
}

const (
	headerDisposition = "content-disposition"
	headerType        = "content-type"
	headerEncoding    = "content-transfer-encoding"
	headerLength      = "content-length"
	headerID          = "content-id"
)

// readHeaders splits a part into headers and body.
func (w *multipartWalker) readHeaders(raw []byte) *Error {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if bytes.HasPrefix(raw, []byte("\r\n")) { // no header at all
		head, body, found = nil, raw[len("\r\n"):], true
	}
	switch {
	case !found:
		return w.fail(RuleInvalidMultipart, "a part has no empty line behind its headers")
	case len(head) > maxPartHeaderBytes:
		return w.fail(RuleInvalidMultipart, "the headers of a part have more than 8 KiB")
	}
	w.part.body = body
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(head) == 0 {
			break
		}
		h, ok := parseHeader(line)
		switch {
		case !ok:
			return w.fail(RuleInvalidMultipart, "a header of a part is malformed, folded or not UTF-8")
		case len(w.part.headers) == maxPartHeaders:
			return w.fail(RuleInvalidMultipart, "a part has more than 16 headers")
		case w.part.header(h.name) != nil:
			return w.fail(RuleInvalidMultipart, "a part has a header twice")
		}
		w.part.headers = append(w.part.headers, h)
	}
	return nil
}

func (p *part) header(name string) *header {
	for i := range p.headers {
		if p.headers[i].name == name {
			return &p.headers[i]
		}
	}
	return nil
}

func (h *header) param(name string) (value string, given bool) {
	if h == nil {
		return "", false
	}
	for i := range h.params {
		if h.params[i].name == name {
			return h.params[i].value, true
		}
	}
	return "", false
}

// parseHeader reads a line. A folded one begins with white space, which no name has.
func parseHeader(line []byte) (h header, ok bool) {
	name, value, found := bytes.Cut(line, []byte{':'})
	if !found || !isToken(name) || !utf8.Valid(line) || bytes.ContainsFunc(line, isControlRune) {
		return h, false
	}
	h = header{name: strings.ToLower(string(name)), line: line}
	if h.name == headerDisposition || h.name == headerType {
		return h, h.split(value)
	}
	h.value = strings.Trim(string(value), " ")
	return h, true
}

func isControlRune(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029
}

func isToken(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return len(s) > 0
}

// split reads value;name=value... Receivers differ in backslashes, single quotes, names that come twice and extended names
// (RFC 2231, name*): all that is refused, but filename* and the like in Content-Disposition, which never pass.
func (h *header) split(value []byte) (ok bool) {
	end := bytes.IndexByte(value, ';')
	if end < 0 {
		end = len(value)
	}
	h.line = h.line[:len(h.line)-len(value)+end]
	h.value = strings.ToLower(strings.Trim(string(value[:end]), " "))
	major, minor, slash := strings.Cut(h.value, "/")
	if !isToken([]byte(major)) || slash && !isToken([]byte(minor)) {
		return false
	}
	for rest := value[end:]; len(rest) > 0; {
		p, tail, ok := parseParameter(rest)
		if !ok {
			return false
		}
		if _, again := h.param(p.name); again || p.extended && (h.name == headerType || strings.HasPrefix(p.name, "name*")) {
			return false
		}
		h.params = append(h.params, p)
		rest = tail
	}
	return true
}

// parseParameter reads the parameter that begins with the semicolon of s.
func parseParameter(s []byte) (p parameterOf, rest []byte, ok bool) {
	i := 1
	for i < len(s) && s[i] == ' ' {
		i++
	}
	equals := bytes.IndexByte(s[i:], '=')
	if equals < 0 {
		return p, nil, false
	}
	name := s[i : i+equals]
	if i += equals + 1; !isToken(name) || bytes.ContainsAny(name, "'%") || i == len(s) {
		return p, nil, false
	}
	p.extended = bytes.IndexByte(name, '*') >= 0
	start := i
	if s[i] == '"' {
		size := bytes.IndexByte(s[i+1:], '"')
		if size < 0 || bytes.IndexByte(s[i+1:i+1+size], '\\') >= 0 {
			return p, nil, false
		}
		p.value = string(s[i+1 : i+1+size])
		i += size + 2
	} else {
		for i < len(s) && s[i] != ';' && s[i] != ' ' {
			i++
		}
		if !isToken(s[start:i]) || bytes.IndexByte(s[start:i], '\'') >= 0 && !p.extended {
			return p, nil, false
		}
		p.value = string(s[start:i])
	}
	p.name, p.raw = strings.ToLower(string(name)), s[:i]
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return p, s[i:], i == len(s) || s[i] == ';'
}

// partName is what Content-Disposition says, elsewhere than in form-data also the Content-ID if the rules know it.
func (w *multipartWalker) partName(root *state) (name string, given bool, _ *Error) {
	disposition := w.part.header(headerDisposition)
	name, given = disposition.param("name")
	switch {
	case w.form && (disposition == nil || disposition.value != "form-data" || !given):
		return "", false, w.fail(RuleInvalidMultipart, "a part has no Content-Disposition: form-data with a name")
	case isPosition(name):
		return "", false, w.fail(RuleInvalidMultipart, "a part has the name of a position")
	}
	header := w.part.header(headerID)
	if header == nil || w.form {
		return name, given, nil
	}
	id, open := strings.CutPrefix(header.value, "<")
	id, closed := strings.CutSuffix(id, ">")
	if !open || !closed || id == "" || strings.ContainsAny(id, "<> ") {
		return "", false, w.fail(RuleInvalidMultipart, "a Content-ID is not <name>")
	}
	to, variant, scratch := root.nextField([]byte(id), w.scratch)
	w.scratch = scratch
	if isPosition(id) || !variant && to == root.other {
		return name, given, nil
	}
	if given && name != id {
		return "", false, w.fail(RuleInvalidMultipart, "a part has two names, in Content-Disposition and Content-ID")
	}
	return id, true, nil
}

// checkHeaders refuses what would give the part's body another meaning than the one it is judged by.
func (w *multipartWalker) checkHeaders(embedded Format) *Error {
	mediaType := "text/plain"
	h := w.part.header(headerType)
	if h != nil {
		mediaType = h.value
	}
	major, _, _ := strings.Cut(mediaType, "/")
	if major == "multipart" || major == "message" {
		return w.fail(RuleContentType, "a part that has parts itself is not accepted")
	}
	if charset, given := h.param("charset"); given && embedded != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return w.fail(RuleCharset, "the charset of a part is not decoded here: send UTF-8")
	}
	if embedded != "" && mediaType != "text/plain" && !mediaTypes[embedded].covers(mediaType) {
		return w.fail(RuleContentType, "the Content-Type of a part is not that of its rules, which are for "+string(embedded))
	}
	text := embedded != "" || major == "text" || mediaTypes[FormatJSON].covers(mediaType) || mediaTypes[FormatXML].covers(mediaType)
	if h := w.part.header(headerEncoding); h != nil {
		switch encoding := strings.ToLower(h.value); encoding {
		case "7bit", "8bit", "binary":
		case "base64", "quoted-printable":
			if text {
				return w.fail(RuleContentEncoding, "the Content-Transfer-Encoding of a part is not decoded here: send it without one")
			}
		default:
			return w.fail(RuleContentEncoding, "the Content-Transfer-Encoding of a part is unknown")
		}
	}
	if h := w.part.header(headerLength); h != nil && h.value != strconv.Itoa(len(w.part.body)) {
		return w.fail(RuleInvalidMultipart, "the Content-Length of a part is not its length")
	}
	if h := w.part.header("content-encoding"); h != nil && !strings.EqualFold(h.value, "identity") {
		return w.fail(RuleContentEncoding, "the Content-Encoding of a part is not decoded here: send it without one")
	}
	return nil
}

// structural says whether a header goes with its part without a rule of its own.
func (w *multipartWalker) structural(name string) bool {
	switch name {
	case headerDisposition, headerType, headerEncoding, headerLength:
		return true
	case headerID: // other parts refer to it, but not in a form
		return !w.form
	}
	return false
}

// structuralParams are the parameters without which a part is not what it is.
var structuralParams = map[string]bool{"name": true, "charset": true, "type": true, "start": true, "start-info": true, "version": true}

// forwardHeaders appends the headers of the part that may go with it: all others, and parameters such as filename, need a path
// of their own.
func (w *multipartWalker) forwardHeaders(s *state, bodyChanged bool) *Error {
	for i := range w.part.headers {
		h := &w.part.headers[i]
		if h.name == headerLength && bodyChanged { // of a body that is no more
			continue
		}
		if pass, err := w.passes(s, h.name, w.structural(h.name)); err != nil {
			return err
		} else if !pass {
			continue
		}
		w.dst = append(w.dst, h.line...)
		for j := range h.params {
			p := &h.params[j]
			if base, _, _ := strings.Cut(p.name, "*"); p.extended {
				w.drop(appendMarked(w.currentPath(), []byte("@"+base), w.program.known))
				continue
			}
			pass, err := w.passes(s, p.name, structuralParams[p.name] && (h.name == headerType) == (p.name != "name"))
			if err != nil {
				return err
			}
			if pass {
				w.dst = append(w.dst, p.raw...)
			}
		}
		w.dst = append(w.dst, "\r\n"...)
	}
	return nil
}

// passes says whether a header or parameter is structural or kept by a path of its own, and counts it as removed if not.
func (w *multipartWalker) passes(s *state, name string, structural bool) (pass bool, _ *Error) {
	if structural {
		return true, nil
	}
	name = "@" + name
	to, variant, scratch := s.next([]byte(name), w.scratch)
	w.scratch = scratch
	if variant && w.variant() {
		return false, w.fail(RuleKeyVariant, detailVariant)
	}
	w.seen |= to.requires
	if to.named {
		return true, nil
	}
	w.drop(appendMarked(w.currentPath(), []byte(name), w.program.known))
	return false, nil
}
