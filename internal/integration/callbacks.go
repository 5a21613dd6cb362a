package integration

import (
	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// Webhook of the profile by name; nil if there is none.
func (r *Resolved) Webhook(name string) *v1alpha1.Webhook {
	for i := range r.Profile.Spec.Webhooks {
		if r.Profile.Spec.Webhooks[i].Name == name {
			return &r.Profile.Spec.Webhooks[i]
		}
	}
	return nil
}

// callbacks checks that every callback is of a webhook that the profile knows, and has what that is verified with.
func (r *Resolved) callbacks() *Problem {
	for _, c := range r.Integration.Spec.Callbacks {
		w := r.Webhook(c.Webhook)
		switch {
		case w == nil && len(r.Profile.Spec.Webhooks) == 0:
			return problem(v1alpha1.ReasonWebhookNotFound, "callback %q names webhook %q, but profile %q has no webhooks: add one to the profile, or remove the callback",
				c.Name, c.Webhook, r.Profile.Name)
		case w == nil:
			return problem(v1alpha1.ReasonWebhookNotFound, "callback %q names webhook %q, which profile %q does not have: use one of %s",
				c.Name, c.Webhook, r.Profile.Name, names(r.Profile.Spec.Webhooks, func(w v1alpha1.Webhook) string { return w.Name }))
		case w.Verification != v1alpha1.WebhookSourceRanges && c.SecretRef.Name == "":
			return problem(v1alpha1.ReasonWebhookNotFound, "callback %q has no secretRef, but webhook %q is verified by %s: name the Secret that holds what calls are verified with",
				c.Name, c.Webhook, w.Verification)
		}
	}
	return nil
}
