package minimize

import (
	"fmt"
	"strings"
)

// Values of Error.Rule. They are part of answers to clients, so they never change.
const (
	RuleInvalidJSON       = "invalid-json"
	RuleInvalidUTF8       = "invalid-utf8"
	RuleByteOrderMark     = "byte-order-mark"
	RuleTrailingData      = "trailing-data"
	RuleDuplicateKey      = "duplicate-key"
	RuleTooDeep           = "too-deep"
	RuleTooLarge          = "too-large"
	RuleTooManyMembers    = "too-many-members"
	RuleRootNotAllowed    = "root-not-allowed"
	RuleKeyVariant        = "key-variant"
	RuleRequiredMissing   = "required-missing"
	RuleInvalidQuery      = "invalid-query"
	RuleContentType       = "content-type"
	RuleContentEncoding   = "content-encoding"
	RuleCharset           = "charset"
	RuleFormatUnsupported = "format-unsupported"

	RuleInvalidXML            = "invalid-xml"
	RuleDoctype               = "doctype"
	RuleEntity                = "entity"
	RuleProcessingInstruction = "processing-instruction"
	RuleXInclude              = "xinclude"
	RuleInvalidForm           = "invalid-form"
	RuleInvalidMultipart      = "invalid-multipart"
)

// Error says why a message is refused. It holds names of fields that look like names, never values.
type Error struct {
	Rule   string // one of the Rule constants
	Path   string // where, as a path with [*] for list elements; empty when the place has no path
	Offset int    // byte offset in the body; -1 when the place has none
	Detail string // what is wrong and what to do, a sentence without a full stop
}

// Error returns rule, place and detail in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Rule)
	if e.Path != "" {
		b.WriteString(" at " + e.Path)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " (byte %d)", e.Offset)
	}
	b.WriteString(": " + e.Detail)
	return b.String()
}
