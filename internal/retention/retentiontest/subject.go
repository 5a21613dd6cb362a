package retentiontest

import "github.com/carrier-operator/carrier-operator/internal/retention"

// HoldOf holds whoever has one of the texts in a field of the collection, by hashes of HashKey.
func HoldOf(collection, field string, texts ...string) retention.Hold {
	hasher := retention.NewHasher(HashKey)
	subject := &retention.HeldSubject{Field: field, KeyID: hasher.KeyID()}
	for _, text := range texts {
		subject.Hashes = append(subject.Hashes, hasher.Value(text))
	}
	return retention.Hold{Name: "case-1", Collection: collection, Subject: subject}
}
