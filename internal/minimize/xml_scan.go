package minimize

import (
	"unicode"
	"unicode/utf8"
)

// Classes of the bytes of an XML document. A byte of none needs a closer look.
const (
	xmlSpace     = 1 << iota // white space as XML has it
	xmlText                  // plain in text: all ASCII but <, &, ] and control characters
	xmlValue                 // plain in an attribute value: all ASCII but <, &, quotes and control characters
	xmlNameStart             // may start a name
	xmlNameChar              // may go on in it
)

var xmlClass = func() (t [256]uint8) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = xmlText | xmlValue
		switch letter := c | 0x20; {
		case 'a' <= letter && letter <= 'z' || c == '_':
			t[c] |= xmlNameStart | xmlNameChar
		case '0' <= c && c <= '9' || c == '-' || c == '.':
			t[c] |= xmlNameChar
		}
	}
	for _, c := range " \t\r\n" {
		t[c] = xmlSpace | xmlText | xmlValue
	}
	t['<'], t['&'], t[']'], t['"'], t['\''] = 0, 0, xmlValue, xmlText, xmlText
	return t
}()

var (
	xmlFaultEnd       = &fault{RuleInvalidXML, "the document ends too early"}
	xmlFaultControl   = &fault{RuleInvalidXML, "control character"}
	xmlFaultUTF8      = &fault{RuleInvalidUTF8, "bytes that are not UTF-8"}
	xmlFaultName      = &fault{RuleInvalidXML, "expected a name"}
	xmlFaultColon     = &fault{RuleInvalidXML, "a name has one colon at most, between a prefix and the rest"}
	xmlFaultReference = &fault{RuleEntity, "only &lt; &gt; &amp; &quot; &apos; and numbers of printable characters may follow an ampersand"}
	xmlFaultCDATAEnd  = &fault{RuleInvalidXML, "]]> stands outside a CDATA section"}
	xmlFaultLess      = &fault{RuleInvalidXML, "< in an attribute value"}
)

// xmlRune checks the character at pos, which is no plain byte, and returns its size.
func xmlRune(src []byte, pos int) (size int, _ *fault) {
	r, size := utf8.DecodeRune(src[pos:])
	switch {
	case r == utf8.RuneError && size <= 1:
		return 0, xmlFaultUTF8
	case unicode.IsControl(r) || r == 0xfffe || r == 0xffff:
		return 0, xmlFaultControl
	}
	return size, nil
}

// scanName reads the name at pos. colon is the place of its colon, 0 when it has none.
func scanName(src []byte, pos int) (end, colon int, _ *fault) {
	wanted := uint8(xmlNameStart)
	for i := pos; i < len(src); wanted = xmlNameChar {
		switch c := src[i]; {
		case xmlClass[c]&wanted != 0:
			i++
		case c == ':':
			if colon > 0 || i == pos || i+1 == len(src) {
				return i, colon, xmlFaultColon
			}
			colon = i
			i++
			if src[i] < utf8.RuneSelf && xmlClass[src[i]]&xmlNameStart == 0 {
				return i, colon, xmlFaultColon
			}
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(src[i:])
			if size == 1 {
				return i, colon, xmlFaultUTF8
			}
			if first := i == pos || i-1 == colon; !unicode.Is(nameStart, r) && (first || !unicode.Is(nameOther, r)) {
				return i, colon, xmlFaultName
			}
			i += size
		case i == pos:
			return i, colon, xmlFaultName
		default:
			return i, colon, nil
		}
	}
	return len(src), colon, xmlFaultEnd
}

// nameStart and nameOther are the productions NameStartChar and NameChar of XML 1.0, fifth edition, beyond ASCII and
// without the byte order mark.
var (
	nameStart = &unicode.RangeTable{
		R16: []unicode.Range16{{0xc0, 0xd6, 1}, {0xd8, 0xf6, 1}, {0xf8, 0x2ff, 1}, {0x370, 0x37d, 1}, {0x37f, 0x1fff, 1},
			{0x200c, 0x200d, 1}, {0x2070, 0x218f, 1}, {0x2c00, 0x2fef, 1}, {0x3001, 0xd7ff, 1}, {0xf900, 0xfdcf, 1}, {0xfdf0, 0xfefe, 1},
			{0xff00, 0xfffd, 1}},
		R32:         []unicode.Range32{{0x10000, 0xeffff, 1}},
		LatinOffset: 2,
	}
	nameOther = &unicode.RangeTable{R16: []unicode.Range16{{0xb7, 0xb7, 1}, {0x300, 0x36f, 1}, {0x203f, 0x2040, 1}}, LatinOffset: 1}
)

// scanReference reads the reference whose ampersand is at pos.
func scanReference(src []byte, pos int) (r rune, end int, _ *fault) {
	const longest = 10 // &#x10FFFF;
	for i := pos + 1; i < len(src) && i < pos+longest; i++ {
		if src[i] == ';' {
			if r = decodeReference(string(src[pos+1 : i])); r == 0 {
				return 0, pos, xmlFaultReference
			}
			return r, i + 1, nil
		}
	}
	return 0, pos, xmlFaultReference
}

// decodeReference returns the character of a reference without & and ;, or 0 for one that is not accepted.
func decodeReference(name string) (r rune) {
	switch name {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "quot":
		return '"'
	case "apos":
		return '\''
	}
	if len(name) < 2 || name[0] != '#' {
		return 0
	}
	digits, base := name[1:], rune(10)
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if digits == "" {
		return 0
	}
	for _, c := range []byte(digits) {
		d := rune(unhex[c])
		if d >= base {
			return 0
		}
		r = r*base + d
	}
	if !utf8.ValidRune(r) || r == 0xfffe || r == 0xffff || unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' {
		return 0
	}
	return r
}

// unhex holds the values of hexadecimal digits, 255 for anything else.
var unhex = func() (t [256]byte) {
	for c := range 256 {
		t[c] = 255
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// scanText reads text up to the next < or the end. blank: it is white space alone.
func scanText(src []byte, pos int) (end int, blank bool, _ *fault) {
	i := pos
	for i < len(src) && xmlClass[src[i]]&xmlSpace != 0 {
		i++
	}
	if i == len(src) || src[i] == '<' {
		return i, true, nil
	}
	for i < len(src) {
		c := src[i]
		size, f := 1, (*fault)(nil)
		switch {
		case xmlClass[c]&xmlText != 0:
		case c == '<':
			return i, false, nil
		case c == '&':
			_, end, f = scanReference(src, i)
			size = end - i
		case c == ']':
			if i+2 < len(src) && src[i+1] == ']' && src[i+2] == '>' {
				f = xmlFaultCDATAEnd
			}
		default:
			size, f = xmlRune(src, i)
		}
		if f != nil {
			return i, false, f
		}
		i += size
	}
	return i, false, nil
}

// scanValue reads the quoted attribute value at pos.
func scanValue(src []byte, pos int) (end int, _ *fault) {
	quote := src[pos]
	for i := pos + 1; i < len(src); {
		c := src[i]
		size, f := 1, (*fault)(nil)
		switch {
		case xmlClass[c]&xmlValue != 0:
		case c == quote:
			return i + 1, nil
		case c == '"' || c == '\'':
		case c == '&':
			_, end, f = scanReference(src, i)
			size = end - i
		case c == '<':
			f = xmlFaultLess
		default:
			size, f = xmlRune(src, i)
		}
		if f != nil {
			return i, f
		}
		i += size
	}
	return len(src), xmlFaultEnd
}

// scanUntil reads the characters up to and with the given end, of a comment or CDATA section.
func scanUntil(src []byte, pos int, closing string) (end int, _ *fault) {
	for i := pos; i < len(src); {
		c := src[i]
		if c == closing[0] && i+len(closing) <= len(src) && string(src[i:i+len(closing)]) == closing {
			return i + len(closing), nil
		}
		if c >= 0x20 && c < 0x7f || xmlClass[c]&xmlSpace != 0 {
			i++
			continue
		}
		size, f := xmlRune(src, i)
		if f != nil {
			return i, f
		}
		i += size
	}
	return len(src), xmlFaultEnd
}

// appendXMLText appends what text means whose references have been checked.
func appendXMLText(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] == '&' {
			r, end, _ := scanReference(raw, i)
			dst = utf8.AppendRune(dst, r)
			i = end
			continue
		}
		dst = append(dst, raw[i])
		i++
	}
	return dst
}

// appendXMLEscaped is its inverse. In an attribute value, white space other than blanks is escaped too: receivers turn it
// into blanks otherwise.
func appendXMLEscaped(dst, text []byte, value bool) []byte {
	for _, c := range text {
		switch {
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '\r':
			dst = append(dst, "&#13;"...)
		case value && c == '"':
			dst = append(dst, "&quot;"...)
		case value && c == '\'':
			dst = append(dst, "&apos;"...)
		case value && c == '\n':
			dst = append(dst, "&#10;"...)
		case value && c == '\t':
			dst = append(dst, "&#9;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
