// Package redis purges keys of Redis 6.2 and newer, and of Valkey.
//
// A collection is a pattern as SCAN takes it (order:*), a record is one key of the connection's database. The key's name is the field
// "key", in rule.Key and in filters; all other fields are fields of a hash. The clock is a field of the hash, or lastAccess with unit
// StoreTime. Keys that expire by themselves are records like others.
//
// SCAN finds the keys; everything else about a record (clock, filters, holds, action) is decided inside of one call of a script, which
// runs alone in the store and takes at most scanCount keys. A hold covers all keys that match its pattern, whatever the rule's.
//
// In doubt a record stays: a key that is no hash has no clock, matches no filter of a rule and every filter of a hold; a last access counts as
// a second later than the store says.
//
// What the store cannot do, and nobody can for it:
//   - There is no snapshot. A count is a walk with SCAN, which returns a key that was there all the time at least once, and again if the
//     store's table of keys was resized meanwhile: counts may be too high then. Nothing is deleted or anonymized twice.
//   - There is no identity that outlives a restart. Address and database stand for it: a store that was restored behind the same
//     address is not noticed.
//   - Reading a hash counts as access, so that a rule with StoreTime goes with filters on "key" only.
//   - Whether a deletion outlives a crash is up to the store's persistence (appendonly, save).
package redis
