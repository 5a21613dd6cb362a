// Package mongoserver pins the server of MongoDB's wire protocol that tests run against. It has a module of its own, so that the
// operator's does not grow by a database. Tests build the server with
//
//	go build -C test/mongoserver -o <file> github.com/FerretDB/FerretDB/cmd/ferretdb
package mongoserver
