// Package carrier knows how to talk to carriers: which operation a request is, how a request is authenticated, and how access
// tokens are obtained without ever asking for more of them than the carrier puts up with.
//
// Nothing here serves HTTP; package gateway does that.
package carrier
