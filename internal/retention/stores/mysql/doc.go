// Package mysql purges tables of MySQL 8.0 and newer, and of MariaDB 10.5 and newer.
//
// Records go in windows over the order of the rule's key, each one short transaction of one changing statement that holds the rule and the
// legal holds. The key must be the table's primary key, or a unique one without nulls.
//
// Names are literal: a collection is a table of the connection's database, and upper and lower case differ.
//
// In doubt a record stays: zero dates, dates before the year 1000, epochs of 0 or less and text that is no RFC 3339 time count as no
// clock; a date is due when its whole day lies before the cutoff; fractions of the cutoff beyond microseconds are cut off. Text is compared byte
// by byte; where the column's collation finds more values equal, holds keep those as well.
//
// A key may be personal data, so positions show a key only if the store numbers it (AUTO_INCREMENT). Others are sealed with a key that comes
// from the policy's hash key; without one, a purger that was restarted begins its pass again.
//
// Foreign keys of tables in other databases are seen only where the role has a privilege on them.
//
// A primary does not know how far its replicas are behind. Key "replicas" of the store's Secret lists them, as host or host:port with commas
// between, for the same login; without it the lag is not known.
//
// A rule that archives locks a window's due records, reads them whole, deletes them by their keys (rule and holds are checked again), and commits
// once the archive has them.
//
// The connection must be a session of its own: a proxy that shares connections takes away the session's settings and its lock.
package mysql
