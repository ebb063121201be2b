"""What a commit message is made of: plain values that callers fill in.

Flux spec: docs/spec/v1/imageupdateautomations.md, "Message template".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class DataModel(Enum):
    """Which fields a template may use."""

    CURRENT = "current"
    """`.Changed`, as in Flux since 1.0; `.Updated` and `.Changed.ImageResult` are refused with Flux's words."""
    LEGACY = "legacy"
    """All of CURRENT, and `.Updated` and `.Changed.ImageResult` as up to Flux's image-automation-controller 0.41."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Identity of a changed Kubernetes object; empty strings where the document has no such field."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The sources of a change's two images, for `compareLink`."""

    source: str
    """The repository that the new image was built from, `https://host/path`."""
    new: str
    """Commit of the new image."""
    old: str = ""
    """Commit of the old one in the same repository; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """One marked value that was replaced."""

    old: str
    new: str
    setter: str
    """The marker's text: `<namespace>:<policy>[:tag|:name|:digest]`."""
    image: str = ""
    """The policy's whole image, `name:tag[@digest]`, for `.Updated`; a change without one is not listed there."""
    comparison: Comparison | None = None
    """Only `compareLink` reads it: to templates a change stays what it is in Flux. None where nothing is known."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """Changes of one object in one file, in document order."""

    file: str
    """Relative to `spec.update.path`."""
    object: ObjectRef
    changes: Sequence[TemplateChange]


@dataclass(frozen=True, slots=True)
class TemplateData:
    """Everything that a template can read."""

    namespace: str
    """Of the ImageUpdateAutomation."""
    name: str
    results: Sequence[FileChange] = ()
    """In the order files and objects were visited; a file or object may occur more than once."""
    values: Mapping[str, str] | None = None
    """`spec.git.commit.messageTemplateValues`; None when not set."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Further fields of `.`, for templates that are no commit message; their names are those of Go."""
