// Package callback receives webhooks of carriers: it tells genuine calls from forged ones by the bytes as they came, refuses old and
// repeated ones, and passes the rest on to a Service.
//
// What can be known about a call is in the profile (how it is signed) and in a Secret (with what). A call that cannot be verified is
// never passed on, and the answer does not say which part of it was wrong.
package callback
