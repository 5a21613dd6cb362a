// Package retention makes PurgeRuns of RetentionPolicies: one for each slot of the schedule and one for each request, one at a time,
// the first as a preview. Slots that pass without a run are counted and reported, not made up for.
//
// plan.go decides, cutoff.go and schedule.go compute instants, validate.go looks for what is wrong with a policy, render.go builds the
// run and the status, controller.go reads and writes.
package retention
