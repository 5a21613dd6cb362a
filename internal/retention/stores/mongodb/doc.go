// Package mongodb purges collections of what speaks MongoDB's wire protocol.
//
// A collection is one of the Secret's database. The purger connects to the Secret's host and to no other: it must be a primary, a
// mongos or a server without replicas. The login is looked up in the database admin, then in the Secret's database.
//
// Records go in windows of _id order: the keys of due records are read, then one statement deletes them by key, with the whole rule and
// all legal holds in it, so that the server checks each record once more as it changes it. Anonymized records are changed one by one, each
// statement with rule, holds and the values that replacements were computed from. There are no transactions: a window that breaks in the middle is counted by
// comparison. Nothing in the store keeps two pods of a run apart: the run's holder does (docs/adr/0022), and two would change nothing twice.
//
// Names of fields are paths: "customer.email" is the field email inside of customer. Names that begin with "$" are refused.
//
// A filter's value means every value that is written so: "5" the text and the number, "true" the text and the boolean, 24 hexadecimal digits
// also an ObjectId, a UUID also its binary form, an RFC 3339 time also a date. Null and missing fields match DoesNotExist alone. An array
// matches In if one of its elements does, NotIn if none is among the values. Where a path leads through an array, or a hold asks NotIn
// of one, the answer is in doubt: then a rule does not apply and a hold does. Collations of a collection apply to its filters.
//
// In doubt a record stays: a clock that is missing, null, an array or of another BSON type is no clock, and neither is an epoch of 0 or less,
// of NaN or infinity, or an ObjectId of the year 1970's first second. Fractions of the cutoff are cut off.
//
// Anonymize writes constants as text and leaves missing fields missing. The other strategies but Null need text, CoarsenDate text as in
// RFC 3339 and no BSON date: a due record with another value there stops the run, as does one whose field lies inside of an array.
//
// Where a position would name a record by text, it stays in the purger's memory; a purger that restarts begins that type of _id again.
package mongodb
