package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DataStoreType is the kind of a store.
//
// +kubebuilder:validation:Enum=PostgreSQL;MySQL;MongoDB;Redis;S3
type DataStoreType string

// Kinds of stores.
const (
	// StorePostgreSQL is PostgreSQL 14 or newer.
	StorePostgreSQL DataStoreType = "PostgreSQL"
	// StoreMySQL is MySQL 8.0 or newer, or MariaDB 10.5 or newer.
	StoreMySQL DataStoreType = "MySQL"
	// StoreMongoDB is what speaks MongoDB's wire protocol.
	StoreMongoDB DataStoreType = "MongoDB"
	// StoreRedis is Redis 6.2 or newer, or Valkey.
	StoreRedis DataStoreType = "Redis"
	// StoreS3 is what speaks Amazon S3's protocol.
	StoreS3 DataStoreType = "S3"
)

// StoreTLSMode says how the store's certificate is verified.
//
// +kubebuilder:validation:Enum=VerifyFull;VerifyCA;Disable
type StoreTLSMode string

// How the store's certificate is verified.
const (
	// StoreTLSVerifyFull verifies the chain and the host name.
	StoreTLSVerifyFull StoreTLSMode = "VerifyFull"
	// StoreTLSVerifyCA verifies the chain only.
	StoreTLSVerifyCA StoreTLSMode = "VerifyCA"
	// StoreTLSDisable connects without TLS.
	StoreTLSDisable StoreTLSMode = "Disable"
)

// StoreTLS sets how the connection to a store is protected.
//
// +kubebuilder:validation:XValidation:rule="self.mode != 'Disable' || !has(self.caBundleRef)",message="mode Disable verifies nothing: leave caBundleRef out or choose VerifyFull"
// +kubebuilder:validation:XValidation:rule="self.mode != 'Disable' || !has(self.clientCertificateRef)",message="mode Disable shows no certificate: leave clientCertificateRef out or choose VerifyFull"
type StoreTLS struct {
	// mode of verification: VerifyFull (chain and host name), VerifyCA (chain only) or Disable (no TLS).
	// +required
	Mode StoreTLSMode `json:"mode,omitempty"`

	// caBundleRef names the CA certificates that the store is verified with. Omitted: the public CAs of the purger's image.
	// +optional
	CABundleRef BundleReference `json:"caBundleRef,omitzero"`

	// clientCertificateRef names the Secret, in the same namespace, with the certificate and the key (tls.crt and tls.key, PEM) that the
	// purger shows to the store, for example one that cert-manager made. A renewed one is taken up with the next connection. PostgreSQL and
	// MySQL logins may then do without a password. Omitted: no certificate is shown.
	// +optional
	ClientCertificateRef LocalReference `json:"clientCertificateRef,omitzero"`
}

// StoreConnection says how a store is reached.
type StoreConnection struct {
	// secretRef names the Secret, in the same namespace, with the keys host, port (default: the type's), database, username and password;
	// for Redis username and database may be left out; for MySQL replicas lists replicas whose lag is to be watched (host or host:port, commas
	// between); for S3 the keys are host, port, region (default us-east-1), accessKeyID and secretAccessKey. It is all that the purger sees. Use a role that may do no more than the purge needs. The host must be listed in the
	// Secret's annotation carrier-operator.io/allowed-hosts.
	// +required
	SecretRef LocalReference `json:"secretRef,omitzero"`

	// tls sets how the connection is protected. Omitted: VerifyFull with public CAs.
	// +optional
	TLS StoreTLS `json:"tls,omitzero"`
}

// SubjectIdentifier says what a field identifies a person by.
//
// +kubebuilder:validation:Enum=Email;Phone;CustomerID
type SubjectIdentifier string

// SubjectField is the field of a collection that says whose record it is.
type SubjectField struct {
	// field that identifies the person.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Field string `json:"field,omitempty"`

	// identifies says what the field is: Email, Phone or CustomerID.
	// +required
	Identifies SubjectIdentifier `json:"identifies,omitempty"`
}

// PersonalField is a field that holds personal data.
type PersonalField struct {
	// name of the field, as the store spells it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// category of the data, a dotted name such as user.contact.email.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)*$')",message="a category is a dotted name in lower case, for example user.contact.email"
	Category string `json:"category,omitempty"`
}

// CollectionReference says that fields of one collection point to records of another.
type CollectionReference struct {
	// collection that is pointed to, by its name in this store.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Collection string `json:"collection,omitempty"`

	// fields that hold the key of the other record, in the order of its key.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Fields []string `json:"fields,omitempty"`
}

// Collection is one table, or the like, of a store, with a decision about each of its columns.
type Collection struct {
	// name of the collection: schema.table for PostgreSQL, the table for MySQL, the collection for MongoDB, a pattern of keys such as
	// session:* for Redis, bucket/prefix for S3. Names are taken literally, so that "Order Items" needs no quotes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name,omitempty"`

	// key is the field or the fields that identify a record, in order; _id for MongoDB, key for Redis and S3.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Key []string `json:"key,omitempty"`

	// subject says whose record it is. Omitted: the collection cannot be searched by person.
	// +optional
	Subject SubjectField `json:"subject,omitzero"`

	// fields that hold personal data.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Fields []PersonalField `json:"fields,omitempty"`

	// ignore lists fields that were looked at and hold no personal data.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Ignore []string `json:"ignore,omitempty"`

	// references to other collections of this store. Records that are pointed to are purged after those that point to them.
	// +optional
	// +listType=map
	// +listMapKey=collection
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	References []CollectionReference `json:"references,omitempty"` //nolint:kubeapilinter // foreign keys of a table, not references to objects
}

// DataStoreSpec says how a store is reached and where it holds personal data.
//
// +kubebuilder:validation:XValidation:rule="self.collections.all(c, !has(c.references) || c.references.all(r, self.collections.exists(o, o.name == r.collection)))",message="a reference names a collection that the store does not list: add it to collections or correct the name"
type DataStoreSpec struct {
	// type of the store.
	// +required
	Type DataStoreType `json:"type,omitempty"`

	// connection says how the store is reached.
	// +required
	Connection StoreConnection `json:"connection,omitzero"`

	// collections that hold personal data, at least one.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Collections []Collection `json:"collections,omitempty"`
}

// DataStoreStatus is what the operator observed.
type DataStoreStatus struct {
	// conditions of the store: Ready, Reconciling, Stalled, FieldsDecided (false: the store has fields that nobody has decided about).
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes; -1 until the operator first looked.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// identity of the store as its last run found it, for example PostgreSQL's system identifier and the database's OID.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Identity string `json:"identity,omitempty"`

	// duplicateOf names the DataStore of this namespace that reaches the same database and was made before. Absent: there is none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	DuplicateOf string `json:"duplicateOf,omitempty"`

	// undecided are fields that the newest run found without a decision, the first 32 of them: give each a category or ignore it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Undecided []UndecidedField `json:"undecided,omitempty"`
}

// DataStore says how a store is reached and where it holds personal data: every column is given a category, or ignored by name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dst,categories=carriers
// +kubebuilder:selectablefield:JSONPath=`.spec.connection.secretRef.name`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Decided",type=string,JSONPath=`.status.conditions[?(@.type=="FieldsDecided")].status`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type DataStore struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says how the store is reached and what it holds.
	// +required
	Spec DataStoreSpec `json:"spec,omitzero"`

	// status is what the operator observed.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status DataStoreStatus `json:"status,omitzero"`
}

// DataStoreList is a list of DataStore.
//
// +kubebuilder:object:root=true
type DataStoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []DataStore `json:"items"`
}
