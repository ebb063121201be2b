"""The version of this release, read by the package metadata and by `tagline version`."""

VERSION = "0.1.0"
