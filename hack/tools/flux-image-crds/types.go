// Package types pins the API types from which Flux generates the CRDs of its image controllers: the modules of these
// controllers, which hold the generated files, are not served everywhere.
package types

import (
	_ "github.com/fluxcd/image-automation-controller/api/v1"
	_ "github.com/fluxcd/image-reflector-controller/api/v1"
)
