package carrier

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxPathBytes = 512
	maxPathNames = 64
)

// parsePath reads a path that names one place: $, then .name or ['name'] for each step, where a name may start with @ (an attribute
// of XML). It is the part of RFC 9535 that needs no search: no wildcard, index, filter or descendant.
func parsePath(path string) ([]string, error) {
	rest, ok := strings.CutPrefix(path, "$")
	switch {
	case !ok || rest == "":
		return nil, fmt.Errorf("path %q: must be $ and at least one name", path)
	case len(path) > maxPathBytes || !utf8.ValidString(path):
		return nil, fmt.Errorf("a path is longer than %d bytes or not valid UTF-8", maxPathBytes)
	}
	var names []string
	for rest != "" {
		name, tail, err := pathStep(rest)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		if names = append(names, name); len(names) > maxPathNames {
			return nil, fmt.Errorf("path %q: more than %d names", path, maxPathNames)
		}
		rest = tail
	}
	return names, nil
}

// pathStep reads one step: the name, and what follows it.
func pathStep(s string) (name, rest string, err error) {
	switch {
	case strings.HasPrefix(s, "['") || strings.HasPrefix(s, `["`):
		name, rest, ok := strings.Cut(s[2:], s[1:2]+"]")
		if !ok || name == "" || strings.ContainsAny(name, `\'"`) {
			return "", "", errors.New("a name in brackets is written ['name'], without quotes or \\ in it")
		}
		return name, rest, nil
	case strings.HasPrefix(s, "."):
		end := strings.IndexAny(s[1:], ".[")
		if end < 0 {
			end = len(s) - 1
		}
		name, rest := s[1:1+end], s[1+end:]
		if name == "" || strings.ContainsAny(name, "*]'\"\\ ,:?()") {
			return "", "", errors.New("expected one name after a dot: no wildcard, index or '..'")
		}
		return name, rest, nil
	default:
		return "", "", errors.New("expected .name or ['name']")
	}
}
