module tagline.dev/hack/tools/flux-image-crds

go 1.26.0

tool sigs.k8s.io/controller-tools/cmd/controller-gen

require (
	github.com/fluxcd/image-automation-controller/api v1.2.5
	github.com/fluxcd/image-reflector-controller/api v1.2.5
	sigs.k8s.io/controller-tools v0.21.0
)
