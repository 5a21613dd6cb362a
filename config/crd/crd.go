// Package crd holds the CustomResourceDefinitions, for programs that judge a resource without an API server.
package crd

import "embed"

// FS holds the generated definitions under bases/, one a file.
//
//go:embed bases/*.yaml
var FS embed.FS
