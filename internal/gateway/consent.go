package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/carrier-operator/carrier-operator/internal/gateway/config"
)

// maxPurposes of an operation: the rules are compiled for each set of them.
const maxPurposes = 4

// purposeRules are the rules of an operation's request under each set of purposes that a client may state.
type purposeRules struct {
	names []string
	rules []*bodyRules // by the set, a bit for each of names
}

// purposes compiles the rules of each set. What is consented to passes as an exception does: whatever else the rules say.
func (b *builder) purposes(c *config.Operation) (*purposeRules, error) {
	if len(c.Consents) == 0 || c.Request == nil {
		return nil, nil
	}
	if len(c.Consents) > maxPurposes {
		return nil, fmt.Errorf("configuration: operation %s has more than %d consents", c.Name, maxPurposes)
	}
	p := &purposeRules{}
	for _, consent := range c.Consents {
		p.names = append(p.names, consent.Purpose)
	}
	for set := range 1 << len(c.Consents) {
		rules := b.inForce(c.Request)
		for i, consent := range c.Consents {
			if set&(1<<i) != 0 {
				rules.Exceptions = append(rules.Exceptions, consent.Allow...)
			}
		}
		compiled, err := b.compile(c.Request, rules)
		if err != nil {
			return nil, fmt.Errorf("configuration: operation %s, consents: %w", c.Name, err)
		}
		p.rules = append(p.rules, compiled)
	}
	return p, nil
}

// statePurposes picks the rules for the purposes that the client states. One that the operation does not know is a mistake, and
// ignoring it would send less, or more, than the client believes.
func (x *exchange) statePurposes() *problem {
	x.requestRules = x.operation.request
	values := x.r.Header[config.PurposeHeader]
	if len(values) == 0 {
		return nil
	}
	p, set := x.operation.purposes, 0
	for name := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name = strings.TrimSpace(name)
		i := -1
		if p != nil {
			i = slices.Index(p.names, name)
		}
		if i < 0 {
			return newProblem(http.StatusBadRequest, rulePurposeUnknown, x.knownPurposes())
		}
		if set&(1<<i) == 0 {
			set |= 1 << i
			x.record.purposes = append(x.record.purposes, name)
		}
	}
	x.requestRules = p.rules[set]
	return nil
}

func (x *exchange) knownPurposes() string {
	if x.operation.purposes == nil {
		return "the operation " + x.operation.name + " knows no purposes: leave the header " + config.PurposeHeader + " out"
	}
	return "the header " + config.PurposeHeader + " takes " + strings.Join(x.operation.purposes.names, ", ")
}
