package minimize

import (
	"bytes"
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// Names of text outside the parts, in reports.
const (
	namePreamble = "#preamble"
	nameEpilogue = "#epilogue"
)

// AppendMultipart is AppendJSON for multipart/form-data, multipart/mixed and multipart/related; contentType is the header
// with the boundary. Parts are members of $ by the names, and their headers by the rules, that the package documentation
// defines.
func (p *Program) AppendMultipart(dst, src []byte, contentType string, mode Mode, r *Removed) ([]byte, error) {
	w := &multipartWalker{walk: p.newWalk(dst, src, mode, r)}
	err := w.begin(contentType)
	if err == nil {
		err = w.parts(p.root)
	}
	return w.finish(dst, err)
}

type multipartWalker struct {
	walk

	form      bool   // multipart/form-data: every part has a name
	delimiter []byte // two hyphens and the boundary
	names     nameSet
	part      part
	scratch   []byte
}

// part is the current one.
type part struct {
	name    string
	headers []header
	body    []byte
}

func (w *multipartWalker) begin(contentType string) *Error {
	if err := w.checkSize(); err != nil {
		return err
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || strings.Contains(contentType, "*") || !isBoundary(params["boundary"]) {
		return &Error{Rule: RuleContentType, Offset: -1, Detail: "the Content-Type has no boundary, or one that receivers read differently"}
	}
	w.form = mediaType == "multipart/form-data"
	w.delimiter = []byte("--" + params["boundary"])
	return nil
}

// isBoundary checks a boundary by RFC 2046 section 5.1.1, without the blanks it may hold.
func isBoundary(s string) bool {
	if s == "" || len(s) > 70 {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("'()+_,-./:=?", rune(c)) {
			return false
		}
	}
	return true
}

// parts walks the whole body. Every occurrence of the delimiter must be a delimiter line: receivers differ in what else they
// take for one.
func (w *multipartWalker) parts(s *state) *Error {
	at := bytes.Index(w.src, w.delimiter)
	if at < 0 || at > 0 && !endsLine(w.src[:at]) {
		return w.fail(RuleInvalidMultipart, "the body does not begin with the boundary")
	}
	w.outside(w.src[:at], namePreamble)
	w.pos = at + len(w.delimiter)
	for n := 1; ; n++ {
		rest := w.src[w.pos:]
		switch {
		case bytes.HasPrefix(rest, []byte("--")):
			w.pos += len("--")
			return w.end()
		case !bytes.HasPrefix(rest, []byte("\r\n")):
			return w.fail(RuleInvalidMultipart, "the boundary is not alone in its line")
		case n > w.program.limits.MaxMembers:
			return w.fail(RuleTooManyMembers, fmt.Sprintf("more than %d parts", w.program.limits.MaxMembers))
		}
		w.pos += len("\r\n")
		next := bytes.Index(w.src[w.pos:], w.delimiter)
		if next < 0 {
			return w.fail(RuleInvalidMultipart, "the final boundary is missing")
		}
		raw := w.src[w.pos : w.pos+next]
		if !endsLine(raw) {
			return w.fail(RuleInvalidMultipart, "the boundary occurs inside a part")
		}
		if err := w.onePart(s, raw[:len(raw)-len("\r\n")], n); err != nil {
			return err
		}
		w.pos += next + len(w.delimiter)
	}
}

func endsLine(raw []byte) bool { return bytes.HasSuffix(raw, []byte("\r\n")) }

// end passes what follows the final boundary, which is the end of a line at most.
func (w *multipartWalker) end() *Error {
	w.part = part{}
	epilogue := w.src[w.pos:]
	if len(epilogue) > 0 && !bytes.HasPrefix(epilogue, []byte("\r\n")) || bytes.Contains(epilogue, w.delimiter) {
		return w.fail(RuleInvalidMultipart, "the final boundary is followed by something else than the end of its line")
	}
	w.dst = append(append(w.dst, w.delimiter...), "--\r\n"...)
	w.outside(epilogue, nameEpilogue)
	return nil
}

// outside takes out what stands before or behind all parts. Line ends there are nothing.
func (w *multipartWalker) outside(text []byte, name string) {
	if len(bytes.Trim(text, "\r\n")) > 0 {
		w.drop([]byte("$['" + name + "']"))
	}
}

// onePart forwards the n-th part, or what the rules leave of it.
func (w *multipartWalker) onePart(root *state, raw []byte, n int) *Error {
	w.part = part{name: "part[" + strconv.Itoa(n) + "]"} // until its name has been read
	if err := w.readHeaders(raw); err != nil {
		return err
	}
	s, err := w.nameIn(root)
	if err != nil {
		return err
	}
	if err := w.checkHeaders(s.embedded); err != nil {
		return err
	}
	w.seen |= s.requires
	mark, before := len(w.dst), w.changed
	w.changed = false
	body, kept := w.part.body, s.keep
	switch {
	case isDocument(s, body):
		rest, left, changed, err := w.embedded(s, body, w.currentPath())
		if err != nil {
			return err
		}
		if changed {
			body = rest
		}
		if kept = left || s.explicit; !left {
			body = nil
		}
	case w.part.name == "_charset_" && !bytes.EqualFold(body, []byte("utf-8")):
		return w.fail(RuleCharset, "_charset_ is not decoded here: send UTF-8")
	case !kept:
		w.drop(w.currentPath())
	}
	if kept {
		w.dst = append(append(w.dst, w.delimiter...), "\r\n"...)
		if err := w.forwardHeaders(s, w.changed); err != nil {
			return err
		}
		w.dst = append(append(append(w.dst, "\r\n"...), body...), "\r\n"...)
		if !w.changed { // as it came
			w.dst = append(append(append(w.dst[:mark], w.delimiter...), "\r\n"...), raw...)
			w.dst = append(w.dst, "\r\n"...)
		}
	}
	w.changed = w.changed || before
	return nil
}

// nameIn finds the part's name and its state.
func (w *multipartWalker) nameIn(root *state) (s *state, _ *Error) {
	name, given, err := w.partName(root)
	if err != nil {
		return nil, err
	}
	if given {
		w.part.name = name
	}
	s, variant, scratch := root.nextField([]byte(w.part.name), w.scratch)
	w.scratch = scratch
	if variant && w.variant() {
		return nil, w.fail(RuleKeyVariant, detailVariant)
	}
	if w.names.add([]byte(w.part.name)) && !s.list && w.variant() {
		return nil, w.fail(RuleDuplicateKey, "the part is given twice, and no rule expects a list")
	}
	if s.list {
		w.seen |= s.requires
		s = s.elem
	}
	return s, nil
}

func (w *multipartWalker) fail(rule, detail string) *Error {
	return &Error{Rule: rule, Path: string(w.currentPath()), Offset: w.pos, Detail: detail}
}

func (w *multipartWalker) currentPath() []byte {
	path := w.appendRoot(nil)
	switch {
	case w.part.name == "":
		return path
	case isPosition(w.part.name):
		return append(append(append(path, "['"...), w.part.name...), "']"...)
	}
	return appendName(path, []byte(w.part.name), w.program.known)
}

// isPosition recognizes part[n].
func isPosition(name string) bool {
	digits, ok := strings.CutPrefix(name, "part[")
	digits, closed := strings.CutSuffix(digits, "]")
	return ok && closed && strings.Trim(digits, "0123456789") == ""
}
