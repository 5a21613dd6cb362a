package minimize

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxPathBytes    = 1024
	maxPathSegments = 64 // the same as the default depth: a longer path selects nothing
)

// segment is one step of a path. A wildcard has no name.
type segment struct {
	name       string
	fold       string // foldName(name)
	wildcard   bool
	descendant bool // ..name: any number of steps may come first
}

// parsePath reads the subset of RFC 9535 that the package documentation lists. The error names the unsupported part.
func parsePath(path string) ([]segment, error) {
	if len(path) > maxPathBytes {
		return nil, fmt.Errorf("longer than %d bytes", maxPathBytes)
	}
	if !utf8.ValidString(path) {
		return nil, fmt.Errorf("not valid UTF-8")
	}
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, fmt.Errorf("must start with $")
	}
	var segments []segment
	for rest != "" {
		seg, tail, err := parseSegment(rest)
		if err != nil {
			return nil, fmt.Errorf("at character %d: %w", len(path)-len(rest)+1, err)
		}
		if segments = append(segments, seg); len(segments) > maxPathSegments {
			return nil, fmt.Errorf("more than %d segments", maxPathSegments)
		}
		rest = tail
	}
	return segments, nil
}

func parseSegment(s string) (segment, string, error) {
	var seg segment
	switch {
	case strings.HasPrefix(s, ".."):
		seg.descendant = true
		s = s[2:]
	case s[0] == '.':
		s = s[1:]
		if strings.HasPrefix(s, "[") {
			return seg, "", fmt.Errorf("a dot before [: leave one of them out")
		}
	case s[0] != '[':
		return seg, "", fmt.Errorf("expected .name, ['name'], [*] or ..name")
	}
	var err error
	switch {
	case strings.HasPrefix(s, "*"):
		seg.wildcard, s = true, s[1:]
	case strings.HasPrefix(s, "["):
		s, err = parseBracket(&seg, s[1:])
	default:
		s, err = parseShorthand(&seg, s)
	}
	if err != nil {
		return seg, "", err
	}
	if seg.wildcard && seg.descendant {
		return seg, "", fmt.Errorf("..* selects every value of the document: name what is meant")
	}
	seg.fold = foldName(seg.name)
	return seg, s, nil
}

// parseShorthand reads the name after a dot: RFC 9535 member-name-shorthand, and beyond it @name and #text.
func parseShorthand(seg *segment, s string) (string, error) {
	end := 0
	if s != "" && (s[0] == '@' || s[0] == '#') {
		end = 1
	}
	marked := end
	for end < len(s) {
		c := s[end]
		letter := c == '_' || c >= 0x80 || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (end == marked || c < '0' || '9' < c) {
			break
		}
		end++
	}
	if end == marked {
		return "", fmt.Errorf("expected a name of letters, digits and _ after the dot; write any other name as ['name']")
	}
	if end < len(s) && s[end] != '.' && s[end] != '[' {
		return "", fmt.Errorf("%q cannot follow a name after a dot; write the name as ['name']", s[end])
	}
	seg.name = s[:end]
	return s[end:], nil
}

// parseBracket reads what follows an opening bracket, up to and with the closing one.
func parseBracket(seg *segment, s string) (string, error) {
	s = strings.TrimLeft(s, " ")
	switch {
	case s == "":
		return "", fmt.Errorf("[ is not closed")
	case s[0] == '*':
		seg.wildcard, s = true, s[1:]
	case s[0] == '\'' || s[0] == '"':
		name, tail, err := parseQuoted(s)
		if err != nil {
			return "", err
		}
		seg.name, s = name, tail
	case s[0] == '-' || '0' <= s[0] && s[0] <= '9' || s[0] == ':':
		return "", fmt.Errorf("an index or slice is not supported: use [*] for every element")
	case s[0] == '?':
		return "", fmt.Errorf("a filter is not supported")
	default:
		return "", fmt.Errorf("expected * or a quoted name in brackets")
	}
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, ",") {
		return "", fmt.Errorf("a union is not supported: write one path for each name")
	}
	tail, ok := strings.CutPrefix(s, "]")
	if !ok {
		return "", fmt.Errorf("expected ] after the selector")
	}
	return tail, nil
}

// parseQuoted reads a string literal of RFC 9535 section 2.3.1 in either kind of quotes.
func parseQuoted(s string) (name, rest string, err error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), s[i+1:], nil
		case c < 0x20:
			return "", "", fmt.Errorf("control character in a quoted name: use an escape")
		case c != '\\':
			b.WriteByte(c)
		default:
			r, size, err := parseEscape(s[i:], quote)
			if err != nil {
				return "", "", err
			}
			b.WriteRune(r)
			i += size - 1
		}
	}
	return "", "", fmt.Errorf("quoted name is not closed")
}

func parseEscape(s string, quote byte) (r rune, size int, err error) {
	if len(s) < 2 {
		return 0, 0, fmt.Errorf("quoted name ends in an escape")
	}
	if s[1] == quote {
		return rune(quote), 2, nil
	}
	if s[1] == 'u' {
		r, size = decodeEscapedRune([]byte(s))
		if size == 0 {
			return 0, 0, fmt.Errorf("\\u needs four hexadecimal digits, and a surrogate its other half")
		}
		return r, size, nil
	}
	if c := simpleEscape[s[1]]; c != 0 && s[1] != '"' {
		return rune(c), 2, nil
	}
	return 0, 0, fmt.Errorf("escape %s is not known", strconv.Quote(s[:2]))
}
