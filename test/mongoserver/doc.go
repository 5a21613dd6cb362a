// Package mongoserver pins the server of MongoDB's wire protocol that tests run against. It has a module of its own, so that the
// operator's does not grow by a database. Its program, cmd/ferretdb, is built in a copy of the module, with a file
// build/version/version.txt that says the version: see internal/retention/stores/mongodb/server_test.go.
package mongoserver
