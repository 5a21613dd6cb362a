package mongodb

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Operators compare values of one BSON type alone, and _id may have any of them. So windows go type by type, in the order of the index on _id.

// bracket is the _ids of types that are compared with each other.
type bracket struct {
	name string
	// all is the condition on _id of the whole bracket.
	all bson.D
	// types are the bracket's BSON types.
	types []bson.Type
}

func ofType(name string, types ...bson.Type) bracket {
	return bracket{name: name, all: bson.D{{Key: "$type", Value: name}}, types: types}
}

// brackets in the order of BSON values. NaN is less than every number, and no number is comparable with it.
var brackets = []bracket{
	ofType("minKey", bson.TypeMinKey),
	ofType("null", bson.TypeNull),
	{name: "nan", all: bson.D{{Key: "$type", Value: "number"}, {Key: "$not", Value: bson.D{{Key: "$gte", Value: math.Inf(-1)}}}}},
	{name: "number", all: bson.D{{Key: "$gte", Value: math.Inf(-1)}}, types: []bson.Type{bson.TypeDouble, bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128}},
	{name: "string", all: bson.D{{Key: "$gte", Value: ""}}, types: []bson.Type{bson.TypeString, bson.TypeSymbol}},
	ofType("object", bson.TypeEmbeddedDocument),
	ofType("binData", bson.TypeBinary),
	ofType("objectId", bson.TypeObjectID),
	ofType("bool", bson.TypeBoolean),
	ofType("date", bson.TypeDateTime),
	ofType("timestamp", bson.TypeTimestamp),
	ofType("dbPointer", bson.TypeDBPointer),
	ofType("javascript", bson.TypeJavaScript),
	ofType("javascriptWithScope", bson.TypeCodeWithScope),
	ofType("maxKey", bson.TypeMaxKey),
}

// bracketOf finds an _id's bracket; -1: MongoDB allows no such _id.
func bracketOf(id bson.RawValue) int {
	if isNaN(id) {
		return indexOf("nan")
	}
	for i := range brackets {
		if slices.Contains(brackets[i].types, id.Type) {
			return i
		}
	}
	return -1
}

func indexOf(name string) int {
	for i := range brackets {
		if brackets[i].name == name {
			return i
		}
	}
	return -1
}

func isNaN(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeDouble:
		return math.IsNaN(v.Double())
	case bson.TypeDecimal128:
		return v.Decimal128().IsNaN()
	default:
		return false
	}
}

// place is where a window begins: in a bracket, after an _id. A zero after is the bracket's start.
type place struct {
	bracket int
	after   bson.RawValue
}

func (p place) name() string { return brackets[p.bracket].name }

// span is the condition on _id from the place on, to the _id to; a zero to is the bracket's end.
func (p place) span(to bson.RawValue) bson.D {
	condition := append(bson.D{}, brackets[p.bracket].all...)
	if !p.after.IsZero() {
		condition = append(condition, bson.E{Key: "$gt", Value: p.after})
	}
	if !to.IsZero() {
		condition = append(condition, bson.E{Key: "$lte", Value: to})
	}
	return bson.D{{Key: "_id", Value: condition}}
}

// maxPlace is the longest position in bytes: a checkpoint holds 256, the pass included.
const maxPlace = 200

// notes remembers what a position does not spell out: text may be a person's name, and positions are published.
type notes struct {
	mu   sync.Mutex
	n    int
	last place
}

// write is the position of a place: the bracket's name, then the _id as extended JSON, or the number of a note.
func (n *notes) write(p place) string {
	if p.after.IsZero() {
		return p.name() + ":"
	}
	if isPlain(p.after) {
		if text, err := bson.MarshalExtJSON(bson.D{{Key: "_id", Value: p.after}}, true, false); err == nil && len(text) <= maxPlace {
			return p.name() + ":" + string(text)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.n++
	n.last = p
	return fmt.Sprintf("%s:#%d", p.name(), n.n)
}

// read understands a position. Without its note it is the bracket's start; false: it cannot be read, as the empty one. Windows that were
// handled are handled again, which changes nothing.
func (n *notes) read(position string) (place, bool) {
	name, rest, _ := strings.Cut(position, ":")
	p := place{bracket: indexOf(name)}
	if p.bracket < 0 {
		return p, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.n > 0 && rest == fmt.Sprintf("#%d", n.n) && n.last.bracket == p.bracket {
		return n.last, true
	}
	var document bson.Raw
	if err := bson.UnmarshalExtJSON([]byte(rest), true, &document); err != nil {
		return p, true
	}
	if id, err := document.LookupErr("_id"); err == nil && bracketOf(id) == p.bracket {
		p.after = id
	}
	return p, true
}

// isPlain says whether an _id is of a type that tells nothing of a person.
func isPlain(id bson.RawValue) bool {
	switch id.Type {
	case bson.TypeObjectID, bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128, bson.TypeDateTime, bson.TypeTimestamp, bson.TypeBoolean:
		return true
	case bson.TypeBinary:
		subtype, _ := id.Binary()
		return subtype == bson.TypeBinaryUUID || subtype == bson.TypeBinaryUUIDOld
	default:
		return false
	}
}
