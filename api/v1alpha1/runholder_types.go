package v1alpha1

// RunHolder is the pod that works on a run, or on its part of one.
type RunHolder struct {
	// index of the pod in the run's Job, from 0 to 7; 0 for a run that one pod works on.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=7
	Index int32 `json:"index"`

	// name of the pod, a slash and some letters and digits at random, at most 128 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`
}
