package v1alpha1

// LocalReference names an object of a known kind in the same namespace.
//
// +structType=atomic
type LocalReference struct {
	// name of the object, in the same namespace. References never cross namespaces.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// BundleKind is the kind of object that holds a CA bundle.
//
// +kubebuilder:validation:Enum=ConfigMap;Secret
type BundleKind string

// Kinds of objects that may hold a CA bundle.
const (
	BundleConfigMap BundleKind = "ConfigMap"
	BundleSecret    BundleKind = "Secret"
)

// BundleReference names one key of a ConfigMap or Secret that holds PEM-encoded CA certificates.
//
// +structType=atomic
type BundleReference struct {
	// kind of the object that holds the bundle: ConfigMap or Secret.
	// +required
	Kind BundleKind `json:"kind,omitempty"`

	// name of the object, in the same namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// key inside the object whose value is the PEM bundle, for example ca.crt.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// FilterOperator compares a field of a record with the values of a filter.
//
// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
type FilterOperator string

// Operators of a record filter, in the style of label selectors.
const (
	FilterIn           FilterOperator = "In"
	FilterNotIn        FilterOperator = "NotIn"
	FilterExists       FilterOperator = "Exists"
	FilterDoesNotExist FilterOperator = "DoesNotExist"
)

// RecordFilter selects records of a collection by one field, in the style of a label selector requirement. There is no free SQL:
// values are always sent as parameters, never as text of a statement.
//
// +kubebuilder:validation:XValidation:rule="self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",message="operators In and NotIn need at least one value; Exists and DoesNotExist take none: add or remove values"
type RecordFilter struct {
	// field of the record that is compared, as the store spells it. For Redis and S3, key is the key's name; for Redis, other names are fields
	// of the hash.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`

	// operator of the comparison. In and NotIn compare with values; Exists is true where the field is not null, DoesNotExist where it
	// is null. A record whose field is null matches neither In nor NotIn.
	// +required
	Operator FilterOperator `json:"operator,omitempty"`

	// values that In and NotIn compare with, as text in the store's own notation of the field's type, at most 1000.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=512
	Values []string `json:"values,omitempty"` //nolint:kubeapilinter // an empty text is a value that a record can have
}
