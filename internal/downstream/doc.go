// Package downstream is the connections of clients as package net/http serves them, above TLS.
//
// A Conn refuses what RFC 9112 lets a server either refuse or read in one of several ways, and net/http reads: both Content-Length and a transfer
// coding, a transfer coding in HTTP/1.0, folded headers, control characters in a chunk's extension. It gives net/http an error instead, which answers
// 400 and closes.
//
// It also knows where requests end, and so does without net/http's own way of noticing a client that leaves: a goroutine, a vain read and two timers
// for each request. A Context asks the system instead, now and then.
package downstream
