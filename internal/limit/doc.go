// Package limit keeps requests to a carrier within its limits: several rolling windows at the same time, of which a request is counted
// in all or in none, the carrier's own word that a limit is used up, and what of both outlives a process.
package limit
