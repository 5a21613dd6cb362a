// Package postgresql purges tables of PostgreSQL 14 and newer.
//
// Records go in windows of heap blocks (TID ranges), each one short transaction of one changing statement that holds the rule and the
// legal holds. Partitions are worked on one by one, so the role needs its privileges on each.
//
// Names are literal. A collection "schema.table" is split at its first dot; without a dot the schema is public. So a schema with a
// dot in its name cannot be reached, a table with one can.
//
// In doubt a record stays: an infinite clock lies in the future; a clock of -infinity and an epoch of 0 or less count as no clock; a date is
// due when its whole day lies before the cutoff; fractions of the cutoff are cut off.
//
// A rule that archives deletes and returns whole records in one statement, and commits once the archive has them.
//
// The connection must be a session of its own: transaction pooling takes away the session's settings and its lock.
package postgresql
