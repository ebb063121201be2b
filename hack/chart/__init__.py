"""Writes the Helm chart: the objects of `manifests` as templates, each component of `manifests/components` a value."""
