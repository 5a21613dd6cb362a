package minimize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldName returns the form in which all spellings of a name that a lenient receiver or a human may take for one another
// are equal.
func foldName(name string) string { return string(appendFold(nil, []byte(name))) }

// appendFold appends the folded name to dst. ASCII names, which are nearly all, cost no allocation.
func appendFold(dst, name []byte) []byte {
	for _, c := range name {
		if c >= utf8.RuneSelf {
			return appendFoldUnicode(dst, name)
		}
	}
	start := len(dst)
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		// Leading spaces and dots are left out at once, trailing ones below; control characters are invisible.
		if c < 0x20 || c == 0x7f || len(dst) == start && (c == ' ' || c == '.') {
			continue
		}
		dst = append(dst, c)
	}
	for len(dst) > start && (dst[len(dst)-1] == ' ' || dst[len(dst)-1] == '.') {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendFoldUnicode(dst, name []byte) []byte {
	var b strings.Builder
	for _, r := range string(norm.NFKC.Bytes(name)) {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			continue
		}
		if unicode.IsSpace(r) {
			r = ' '
		}
		if latin, ok := lookAlike[r]; ok {
			r = latin
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return append(dst, strings.ToLower(strings.Trim(b.String(), " ."))...)
}

// lookAlike maps letters of other scripts to the Latin letter they look like: the one-to-one part of Unicode TR 39 that
// Cyrillic, Greek and a few Latin extensions contribute. ı and İ are here because some languages upper-case them to I.
var lookAlike = pairs(
	"АВЕЅІЈКМНОРСТУХԚԜ"+"авеѕіјкмнорстухԛԝһԁѵ"+"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"+"αεικνορτυχ"+"ıİɡɩ",
	"ABESIJKMHOPCTYXQW"+"abesijkmhopctyxqwhdv"+"ABEZHIKMNOPTYX"+"aeikvoptux"+"iigi",
)

func pairs(from, to string) map[rune]rune {
	m := make(map[rune]rune, len(to))
	latin := []rune(to)
	for i, r := range []rune(from) {
		m[r] = latin[i]
	}
	return m
}
