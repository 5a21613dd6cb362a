package mongodb

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// valueAt is a field's value; zero: it is missing, or lies inside of an array.
func valueAt(document bson.Raw, field string) bson.RawValue {
	name, rest, nested := strings.Cut(field, ".")
	value, err := document.LookupErr(name)
	if err != nil {
		return bson.RawValue{}
	}
	if !nested {
		return value
	}
	inner, ok := value.DocumentOK()
	if !ok {
		return bson.RawValue{}
	}
	return valueAt(inner, rest)
}

// textAt is a field's text, empty if it is none.
func textAt(document bson.Raw, field string) string {
	text, _ := valueAt(document, field).StringValueOK()
	return text
}

// keyText is the form of an _id in the digest of records: canonical extended JSON, which tells types apart. What the store sent has one.
func keyText(id bson.RawValue) string {
	text, err := bson.MarshalExtJSON(bson.D{{Key: "_id", Value: id}}, true, false)
	if err != nil {
		return id.Type.String() + " " + string(id.Value)
	}
	return string(text)
}
