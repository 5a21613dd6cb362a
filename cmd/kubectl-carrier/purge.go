package main

import (
	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

func purgeCommand(streams Streams, now clock.PassiveClock) *cobra.Command {
	purge := &cobra.Command{Use: "purge", Short: "Work with RetentionPolicies and their PurgeRuns"}
	purge.AddCommand(
		requestCommand(streams, now, "preview", "Count what a policy would purge now, and change nothing",
			"Ask for a run that counts what is due, held and kept, whatever the policy's mode is. It changes nothing. The exit code is 1 if it ends badly.",
			v1alpha1.AnnotationPreviewRequestedAt),
		requestCommand(streams, now, "run", "Run a policy now, outside of its schedule",
			"Ask for a run of a policy outside of its schedule. Rules that no preview has shown yet are previewed first, unless firstRun is Purge.\n"+
				"The exit code is 1 if the run ends badly.",
			v1alpha1.AnnotationRunRequestedAt),
		stateCommand(streams, "pause", "Make no more runs of a policy; one that is under way waits",
			"Set the policy's state to Suspended: no runs are made, and one that is under way stops after its current window and keeps its checkpoint.",
			v1alpha1.PolicySuspended),
		stateCommand(streams, "resume", "Let a policy run again",
			"Set the policy's state to Active: a run that waited goes on from its checkpoint, and the schedule starts afresh.",
			v1alpha1.PolicyActive),
		verifyCommand(streams),
	)
	return purge
}
