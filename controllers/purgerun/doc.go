// Package purgerun carries out PurgeRuns: it writes the plan into a ConfigMap, gives the run's pod an identity that may touch nothing
// but its own run, starts a Job, keeps the legal holds in the plan current while the Job works, and says how the run ended.
//
// The purger writes results, checkpoint, pause, outcome and evidence of the status; this package writes the rest.
//
// plan.go decides, runplan.go builds the purger's plan, render.go and job.go build objects, status.go the conditions, controller.go
// reads and writes.
package purgerun
