package stores

import "context"

// Finish is the context of a window that began. It is finished even if the pod is told to stop, since it is short and its count would be lost;
// but not after the deadline that it was given, when another pod may work on the run.
func Finish(ctx context.Context) (context.Context, context.CancelFunc) {
	finish := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(finish, deadline)
	}
	return context.WithCancel(finish)
}
