// Package datastore says whether a DataStore can be connected to: its Secret is complete and bound to its host, its CA bundle is one.
// It also remembers the identity of the store, so that a run notices when it meets another one.
package datastore
