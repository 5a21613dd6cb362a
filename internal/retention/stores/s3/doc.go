// Package s3 purges buckets of what speaks Amazon's S3.
//
// A collection is bucket or bucket/prefix/; a record is one version of an object, delete markers and noncurrent versions included. In a bucket
// without versions an object's version is "null". Uploads in parts that nobody completed are records as well, and are aborted. The
// key of a collection is [key]; the digest of records has the key and the version (or the upload).
//
// The clock is lastModified with unit StoreTime, for uploads the time at which they began. S3 cuts fractions of seconds off, so that a record is
// due a second later; if the store's clock is behind the purger's, it is due that much later, in whole minutes.
//
// A window is one page of the listing: due versions are deleted in one request, by version. A newer upload has another version and
// stays. S3 has no conditions on deletions by version; holds are read for each window, and the request follows the listing at once. In
// a bucket without versions an object that is written over between the two is deleted by its name: use versioned buckets.
//
// A delete marker hides the versions below it. The latest marker of a key goes only when nothing is left below it, so that the purge never
// brings an object back; until then it counts as deferred.
//
// If the latest version goes while an older one is locked, the older one becomes the latest.
//
// Object Lock is the store's own hold: versions under retention or legal hold count as deferred and stay. Governance is never bypassed.
//
// Filters know the field "key" with exact names. A hold covers all keys that begin with its prefix, whatever the rule's.
//
// What the store cannot do: there is no snapshot, a count is a walk over the listing; there is no identity, so that address and
// region stand for it; there is no measure of how far replicas are behind. Keys may be personal data: the place where a window begins
// stays in the purger's memory, and a purger that restarts walks over the listing again.
package s3
