"""Semantic versions and ranges as Flux reads them: Masterminds/semver of Go. Pure."""

from controllers.semver.version import BadVersion, Version, compare, parse_version

__all__ = ["BadVersion", "Version", "compare", "parse_version"]
