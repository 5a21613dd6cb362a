// Package setup holds what the manager and the tests share: the scheme, what the cache holds, and the limits that all controllers keep.
package setup
