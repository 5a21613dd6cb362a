package carrier

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // carriers' schemes prescribe it
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
	"github.com/carrier-operator/carrier-operator/internal/minimize"
	templates "github.com/carrier-operator/carrier-operator/internal/placeholder"
)

// signing signs requests: the class RequestSigning. It comes last, so that it signs the very bytes that are sent.
type signing struct {
	clock     clock.PassiveClock
	timestamp func(time.Time) string
	sum       func(text string) []byte
	encode    func([]byte) string
	urlEncode bool

	stringToSign template
	headers      []signedTemplate
	formFields   []signedTemplate
	fieldRules   minimize.QueryRules
	readsForm    bool
}

type signedTemplate struct {
	name  string
	value template
}

// template with the credential's values already in it.
type template []templates.Part

func newSigning(s *config.RequestSigning, c *Credential, now clock.PassiveClock) (part, error) {
	sign := &signing{clock: now, urlEncode: s.URLEncode, timestamp: timestamps[s.TimestampFormat], encode: signatureEncodings[s.Encoding]}
	if sign.timestamp == nil || sign.encode == nil {
		return nil, fmt.Errorf("signing: timestamp format %q or encoding %q is unknown", s.TimestampFormat, s.Encoding)
	}
	var err error
	if sign.sum, err = signatureSum(s, c); err != nil {
		return nil, err
	}
	if sign.stringToSign, err = newTemplate("stringToSign", s.StringToSign, c); err != nil {
		return nil, err
	}
	for _, list := range []struct {
		from []config.SignedTemplate
		to   *[]signedTemplate
	}{{s.Headers, &sign.headers}, {s.FormFields, &sign.formFields}} {
		for _, t := range list.from {
			value, err := newTemplate(t.Name, t.Value, c)
			if err != nil {
				return nil, err
			}
			*list.to = append(*list.to, signedTemplate{t.Name, value})
		}
	}
	return sign, sign.check()
}

// check refuses schemes that could not sign what is sent.
func (s *signing) check() error {
	if len(s.headers)+len(s.formFields) == 0 {
		return errors.New("signing: the signature goes nowhere: give headers or formFields")
	}
	if s.stringToSign.has(templates.Signature, "") {
		return errors.New("signing: stringToSign cannot hold the {signature}")
	}
	all := []template{s.stringToSign}
	for _, t := range slices.Concat(s.headers, s.formFields) {
		all = append(all, t.value)
	}
	for _, f := range s.formFields {
		s.fieldRules.Remove = append(s.fieldRules.Remove, f.name)
		if f.value.has(templates.Body, "") || s.stringToSign.has(templates.Body, "") {
			return fmt.Errorf("signing: the form field %s is a part of {body}: sign {form:NAME} instead", f.name)
		}
		if slices.ContainsFunc(all, func(t template) bool { return t.has(templates.Form, f.name) }) {
			return fmt.Errorf("signing: {form:%s} is set by the scheme itself: repeat its template instead", f.name)
		}
	}
	s.readsForm = len(s.formFields) > 0 || slices.ContainsFunc(all, func(t template) bool {
		return slices.ContainsFunc(t, func(p templates.Part) bool { return p.Name == templates.Form })
	})
	return nil
}

func newTemplate(where, text string, c *Credential) (template, error) {
	parts, err := templates.Signing(text)
	if err != nil {
		return nil, fmt.Errorf("signing, %s: %w", where, err)
	}
	for i, p := range parts {
		if p.Name == templates.Credential {
			value, err := c.value(p.Arg)
			if err != nil {
				return nil, err
			}
			parts[i] = templates.Part{Text: value}
		}
	}
	return parts, nil
}

func (t template) has(name, arg string) bool {
	return slices.ContainsFunc(t, func(p templates.Part) bool { return p.Name == name && p.Arg == arg })
}

var timestamps = map[string]func(time.Time) string{
	"UnixSeconds":      func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) },
	"UnixMilliseconds": func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) },
	"RFC3339":          func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

var signatureEncodings = map[string]func([]byte) string{
	"Hex":      hex.EncodeToString,
	"HexUpper": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
	"Base64":   base64.StdEncoding.EncodeToString,
}

// signatureSum makes the function that a signature is computed with.
func signatureSum(s *config.RequestSigning, c *Credential) (func(string) []byte, error) {
	name, keyed := strings.CutPrefix(s.Algorithm, "HMAC")
	newHash := map[string]func() hash.Hash{"SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New, "MD5": md5.New}[name]
	if newHash == nil || keyed && name == "MD5" || !keyed && name == "SHA1" {
		return nil, fmt.Errorf("signing: algorithm %q is unknown", s.Algorithm)
	}
	if keyed {
		key, err := c.value(s.SecretKey)
		if err != nil {
			return nil, err
		}
		plain := newHash
		newHash = func() hash.Hash { return hmac.New(plain, []byte(key)) }
	}
	return func(text string) []byte {
		h := newHash()
		h.Write([]byte(text))
		return h.Sum(nil)
	}, nil
}

func (s *signing) apply(out *Outgoing) error {
	if err := s.sign(out); err != nil {
		return unsuitable(err)
	}
	return nil
}

func (s *signing) sign(out *Outgoing) error {
	request := signedRequest{out: out, timestamp: s.timestamp(s.clock.Now())}
	kept := ""
	if s.readsForm {
		var err error
		if request.form, kept, err = s.form(out); err != nil {
			return err
		}
	}
	text, err := request.fill(s.stringToSign)
	if err != nil {
		return err
	}
	if s.urlEncode {
		text = formEncode(text)
	}
	request.signature = s.encode(s.sum(text))
	for _, f := range s.formFields {
		value, err := request.fill(f.value)
		if err != nil {
			return err
		}
		kept = joined(kept, parameter(f.name, value))
	}
	if len(s.formFields) > 0 {
		out.Body = []byte(kept)
	}
	for _, h := range s.headers {
		value, err := request.fill(h.value)
		if err != nil {
			return err
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return &minimize.Error{Rule: minimize.RuleRequiredMissing, Offset: -1,
				Detail: "the header " + h.name + " repeats a part of the request that holds a line break or control character: send it without"}
		}
		out.Header.Set(h.name, value)
	}
	return nil
}

// form reads the fields of the body; kept is the body without those that the scheme sets.
func (s *signing) form(out *Outgoing) (fields url.Values, kept string, err error) {
	if len(out.Body) == 0 {
		return nil, "", &minimize.Error{Rule: minimize.RuleRequiredMissing, Offset: -1,
			Detail: "the carrier takes a signed form, and the request has no body: send one"}
	}
	if err := decideFormat(out, formatForm); err != nil {
		return nil, "", err
	}
	if kept, err = minimize.MinimizeQuery(string(out.Body), &s.fieldRules, minimize.Redact, nil); err != nil {
		return nil, "", asForm(err)
	}
	if fields, err = url.ParseQuery(kept); err != nil {
		return nil, "", &minimize.Error{Rule: minimize.RuleInvalidForm, Offset: -1, Detail: "the form does not parse"}
	}
	return fields, kept, nil
}

// signedRequest is what a template is filled from.
type signedRequest struct {
	out       *Outgoing
	timestamp string
	signature string
	form      url.Values
}

func (r *signedRequest) fill(t template) (string, error) {
	var b strings.Builder
	for _, p := range t {
		switch p.Name {
		case "":
			b.WriteString(p.Text)
		case templates.Timestamp:
			b.WriteString(r.timestamp)
		case templates.Method:
			b.WriteString(r.out.Method)
		case templates.Path:
			b.WriteString(r.out.Path)
		case templates.Query:
			b.WriteString(r.out.RawQuery)
		case templates.Body:
			b.Write(r.out.Body)
		case templates.Operation:
			b.WriteString(r.out.Operation)
		case templates.Signature:
			b.WriteString(r.signature)
		case templates.Form:
			values := r.form[p.Arg]
			if len(values) != 1 {
				return "", &minimize.Error{Rule: minimize.RuleRequiredMissing, Path: spell([]string{p.Arg}), Offset: -1,
					Detail: fmt.Sprintf("the signature covers this field, which the form has %d times: send it once", len(values))}
			}
			b.WriteString(values[0])
		}
	}
	return b.String(), nil
}

// formEncode is the encoding of forms as HTML and Java have it, which differs from Go's in two characters.
func formEncode(text string) string {
	return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(text))
}
