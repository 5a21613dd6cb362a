package carrier

import (
	"bytes"
	"encoding/json/jsontext"
	"errors"

	"github.com/carrier-operator/carrier-operator/internal/minimize"
)

// jsonSetter writes values into bodies that are JSON objects.
type jsonSetter struct {
	places []place
	remove *minimize.Program
}

func newJSONSetter(places []place) (setter, error) {
	program, err := remover(places)
	return &jsonSetter{places, program}, err
}

func (s *jsonSetter) set(body []byte) ([]byte, error) {
	body, err := s.remove.AppendJSON(nil, body, minimize.Redact, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range s.places {
		if body, err = setJSON(body, p); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// setJSON adds a member that the body lacks at the end of its container. Containers that are missing, or null, are made.
func setJSON(body []byte, p place) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for step, name := range p.path {
		if d.PeekKind() != jsontext.KindBeginObject {
			return nil, noPlace(p.path[:step], "the credential goes into an object at this place: send an object or nothing there")
		}
		empty, found, err := toMember(d, name)
		if err != nil {
			return nil, noPlace(p.path[:step], "the body does not parse")
		}
		rest, at := p.path[step+1:], int(d.InputOffset())
		if !found {
			var addition []byte
			if !empty {
				addition = append(addition, ',')
			}
			addition = append(appendJSONString(addition, name), ':')
			return spliced(body, at, at, appendNested(addition, rest, p.value)), nil
		}
		if len(rest) > 0 && d.PeekKind() == jsontext.KindNull {
			null, err := d.ReadValue()
			end := int(d.InputOffset())
			return spliced(body, end-len(null), end, appendNested(nil, rest, p.value)), err
		}
	}
	return nil, noPlace(p.path, "the body holds the credential's field still")
}

// toMember moves d, which is before an object, to the value of a member or, without such a member, behind the last one.
func toMember(d *jsontext.Decoder, name string) (empty, found bool, _ error) {
	if _, err := d.ReadToken(); err != nil {
		return false, false, err
	}
	for empty = true; d.PeekKind() == jsontext.KindString; empty = false {
		token, err := d.ReadToken()
		if err != nil {
			return false, false, err
		}
		if token.String() == name {
			return false, true, nil
		}
		if err := d.SkipValue(); err != nil {
			return false, false, err
		}
	}
	if d.PeekKind() != jsontext.KindEndObject {
		return false, false, errors.New("an object does not end")
	}
	return empty, false, nil
}

// appendNested appends a value inside of the objects that the path asks for.
func appendNested(dst []byte, path []string, value string) []byte {
	for _, name := range path {
		dst = append(appendJSONString(append(dst, '{'), name), ':')
	}
	dst = appendJSONString(dst, value)
	return append(dst, bytes.Repeat([]byte{'}'}, len(path))...)
}

// appendJSONString appends a string in quotes, escaped. Names and values were checked to be UTF-8.
func appendJSONString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// spliced is a copy of body with the bytes from start to end replaced.
func spliced(body []byte, start, end int, by []byte) []byte {
	out := make([]byte, 0, len(body)-(end-start)+len(by))
	return append(append(append(out, body[:start]...), by...), body[end:]...)
}
