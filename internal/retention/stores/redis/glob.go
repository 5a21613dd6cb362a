package redis

// match says whether a key matches a pattern, as Redis's SCAN does. In doubt, for the empty key, it says yes: it is asked for holds.
func match(pattern, key string) bool {
	p, k := 0, 0
	star, resume := -1, 0 // where to go on when the star takes one character more
	for {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, k
			p++
			continue
		case k == len(key):
			return p == len(pattern)
		case p < len(pattern):
			if ok, next := matchOne(pattern, p, key[k]); ok {
				p, k = next, k+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		if resume > len(key) {
			return false
		}
		p, k = star+1, resume
	}
}

// matchOne says whether the pattern's element at p, which is no star, matches a byte, and where the next element begins.
func matchOne(pattern string, p int, c byte) (ok bool, next int) {
	switch {
	case pattern[p] == '?':
		return true, p + 1
	case pattern[p] == '[':
		return matchClass(pattern, p+1, c)
	case pattern[p] == '\\' && p+1 < len(pattern):
		p++
	}
	return pattern[p] == c, p + 1
}

// matchClass matches the characters between brackets. A class without its closing bracket ends with the pattern. Ranges compare signed
// bytes, as the server's do.
func matchClass(pattern string, p int, c byte) (ok bool, next int) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			ok = ok || pattern[p] == c
		case p+2 < len(pattern) && pattern[p+1] == '-':
			low, high := signed(pattern[p]), signed(pattern[p+2])
			ok = ok || (min(low, high) <= signed(c) && signed(c) <= max(low, high))
			p += 2
		default:
			ok = ok || pattern[p] == c
		}
	}
	return ok != not, min(p+1, len(pattern))
}

// signed maps a byte so that bytes compare as if they were signed.
func signed(b byte) byte { return b ^ 0x80 }

// mayOverlap says whether a key might match both patterns: their beginnings up to the first special character agree.
func mayOverlap(a, b string) bool {
	a, b = literal(a), literal(b)
	n := min(len(a), len(b))
	return a[:n] == b[:n]
}

func literal(pattern string) string {
	for i := range len(pattern) {
		switch pattern[i] {
		case '*', '?', '[', '\\':
			return pattern[:i]
		}
	}
	return pattern
}
