package minimize

import (
	"unicode/utf16"
	"unicode/utf8"
)

// plain marks the bytes of a string that need no attention: printable ASCII but the quote and the backslash.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// simpleEscape holds the character that a backslash and the indexing one stand for.
var simpleEscape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// fault is a lexical error: rule and detail; the walker adds the place.
type fault struct{ rule, detail string }

var (
	faultEnd       = &fault{RuleInvalidJSON, "the document ends too early"}
	faultControl   = &fault{RuleInvalidJSON, "control character in a string"}
	faultEscape    = &fault{RuleInvalidJSON, "unknown escape in a string"}
	faultUTF8      = &fault{RuleInvalidUTF8, "bytes that are not UTF-8 in a string"}
	faultSurrogate = &fault{RuleInvalidUTF8, "half of a surrogate pair in a string"}
	faultNumber    = &fault{RuleInvalidJSON, "not a JSON number"}
	faultValue     = &fault{RuleInvalidJSON, "not a JSON value"}
)

// scanString reads the string that starts with the quote at pos. end is behind the closing quote, or at the fault.
func scanString(src []byte, pos int) (end int, escaped bool, _ *fault) {
	for i := pos + 1; i < len(src); {
		c := src[i]
		switch {
		case plain[c]:
			i++
		case c == '"':
			return i + 1, escaped, nil
		case c == '\\':
			escaped = true
			size, f := scanEscape(src[i:])
			if f != nil {
				return i, escaped, f
			}
			i += size
		case c < 0x20:
			return i, escaped, faultControl
		default:
			r, size := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && size == 1 {
				return i, escaped, faultUTF8
			}
			i += size
		}
	}
	return len(src), escaped, faultEnd
}

func scanEscape(s []byte) (size int, _ *fault) {
	switch {
	case len(s) < 2:
		return 0, faultEnd
	case simpleEscape[s[1]] != 0:
		return 2, nil
	case s[1] != 'u':
		return 0, faultEscape
	}
	if _, size := decodeEscapedRune(s); size > 0 {
		return size, nil
	}
	if _, ok := hex4(s[2:]); ok {
		return 0, faultSurrogate
	}
	return 0, faultEscape
}

// decodeEscapedRune decodes \uXXXX or a surrogate pair of two. size is 0 when the escape is not well-formed.
func decodeEscapedRune(s []byte) (r rune, size int) {
	r, ok := hex4(s[2:])
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
		return 0, 0
	}
	low, ok := hex4(s[8:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnescaped appends what a string means; raw is its inside, which scanString has accepted.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch {
		case raw[i] != '\\':
			dst = append(dst, raw[i])
			i++
		case raw[i+1] != 'u':
			dst = append(dst, simpleEscape[raw[i+1]])
			i += 2
		default:
			r, size := decodeEscapedRune(raw[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
		}
	}
	return dst
}

// scanNumber reads the number at pos: RFC 8259 section 6.
func scanNumber(src []byte, pos int) (end int, _ *fault) {
	i := pos
	if src[i] == '-' {
		i++
	}
	digits := func() bool {
		start := i
		for i < len(src) && '0' <= src[i] && src[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(src) && src[i] == '0' {
		i++
	} else if !digits() {
		return i, faultNumber
	}
	if i < len(src) && src[i] == '.' {
		if i++; !digits() {
			return i, faultNumber
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		if i++; i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		if !digits() {
			return i, faultNumber
		}
	}
	return i, nil
}

// scanScalar reads the string, number or literal at pos.
func scanScalar(src []byte, pos int) (end int, _ *fault) {
	if pos >= len(src) {
		return pos, faultEnd
	}
	literal := ""
	switch c := src[pos]; {
	case c == '"':
		end, _, f := scanString(src, pos)
		return end, f
	case c == '-' || '0' <= c && c <= '9':
		return scanNumber(src, pos)
	case c == 't':
		literal = "true"
	case c == 'f':
		literal = "false"
	case c == 'n':
		literal = "null"
	default:
		return pos, faultValue
	}
	if end = pos + len(literal); end > len(src) || string(src[pos:end]) != literal {
		return pos, faultValue
	}
	return end, nil
}
