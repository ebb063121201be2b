"""Access to an ImageRepository's registry: credentials, TLS material and proxy from the objects that its spec names.

Knows Kubernetes; the protocols of registries and clouds are in `registry` and `cloud`. Asked by the controllers and by
the command line.
"""
