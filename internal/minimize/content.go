package minimize

import (
	"fmt"
	"mime"
	"slices"
	"strings"
)

// Format is the syntax of a body, as profiles name it.
type Format string

// Formats of bodies.
const (
	FormatJSON Format = "JSON" // RFC 8259 in UTF-8
	FormatXML  Format = "XML"  // XML 1.0 with namespaces in UTF-8, SOAP among it
	FormatForm Format = "Form" // application/x-www-form-urlencoded in UTF-8

	FormatMultipart Format = "Multipart" // multipart/form-data, multipart/mixed or multipart/related, one level of parts
)

// ParseFormat returns the format of this name; names are case-sensitive.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); mediaTypes[f].types != nil {
		return f, nil
	}
	return "", fmt.Errorf("format %q is unknown: use JSON, XML, Form or Multipart", name)
}

// Message is a body and what its header says of it.
type Message struct {
	Format      Format
	ContentType string // of the header; only a multipart body needs it, for its boundary
	Body        []byte
}

// Append minimizes a body by its format: AppendJSON with its contract, or an *Error with RuleFormatUnsupported. Decide
// should have been asked first.
func (p *Program) Append(dst []byte, m Message, mode Mode, r *Removed) ([]byte, error) {
	switch m.Format {
	case FormatJSON:
		return p.AppendJSON(dst, m.Body, mode, r)
	case FormatXML:
		return p.AppendXML(dst, m.Body, mode, r)
	case FormatForm:
		return p.AppendForm(dst, m.Body, mode, r)
	case FormatMultipart:
		return p.AppendMultipart(dst, m.Body, m.ContentType, mode, r)
	default:
		return dst, unsupported(m.Format)
	}
}

type mediaTypesOf struct {
	types  []string
	suffix string
	plain  []string // what nearly every client sends, without the cost of parsing
}

func (t mediaTypesOf) covers(mediaType string) bool {
	return slices.Contains(t.types, mediaType) || t.suffix != "" && strings.HasSuffix(mediaType, t.suffix)
}

// mediaTypes are what a body of a format may be sent as. The first of types is advice to clients.
var mediaTypes = map[Format]mediaTypesOf{
	FormatJSON: {
		types: []string{"application/json"}, suffix: "+json",
		plain: []string{"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8",
			"application/json; charset=UTF-8", "application/json;charset=UTF-8"},
	},
	FormatXML: {
		types: []string{"application/xml", "text/xml"}, suffix: "+xml",
		plain: []string{"application/xml", "text/xml", "text/xml; charset=utf-8", "text/xml;charset=UTF-8", "text/xml; charset=UTF-8"},
	},
	FormatForm: {
		types: []string{"application/x-www-form-urlencoded"},
		plain: []string{"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8",
			"application/x-www-form-urlencoded; charset=UTF-8", "application/x-www-form-urlencoded;charset=UTF-8"},
	},
	FormatMultipart: {types: []string{"multipart/form-data", "multipart/mixed", "multipart/related"}},
}

// Decide says whether a body with these headers can be minimized as the format that the operation's rules are for. Values
// of a repeated header must be joined with ", " and so refuse. The error is an *Error; in mode Report the caller passes the
// body and records its Rule.
func Decide(contentType, contentEncoding string, format Format) error {
	if contentEncoding != "" && !strings.EqualFold(contentEncoding, "identity") {
		return refuse(RuleContentEncoding, "Content-Encoding %s is not decoded here: send the body without one", contentEncoding)
	}
	want, known := mediaTypes[format]
	switch {
	case !known:
		return unsupported(format)
	case slices.Contains(want.plain, contentType):
		return nil
	case contentType == "":
		return refuse(RuleContentType, "the body has no Content-Type: send "+want.types[0])
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || strings.Contains(contentType, "*") { // RFC 2231 spellings of a parameter are read differently by receivers
		return refuse(RuleContentType, "Content-Type %s is malformed or ambiguous", contentType)
	}
	if !want.covers(mediaType) {
		return refuse(RuleContentType, "Content-Type %s is not covered by the rules of the operation, which are for "+string(format), mediaType)
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return refuse(RuleCharset, "charset %s is not decoded here: send UTF-8", charset)
	}
	return nil
}

func unsupported(f Format) error {
	return refuse(RuleFormatUnsupported, "no rules can be applied to the format %s", string(f))
}

// refuse quotes a header value in the detail, shortened: it comes from the client.
func refuse(rule, detail string, values ...string) error {
	quoted := make([]any, len(values))
	for i, v := range values {
		if len(v) > 60 {
			v = v[:60] + "..."
		}
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return &Error{Rule: rule, Offset: -1, Detail: fmt.Sprintf(detail, quoted...)}
}
