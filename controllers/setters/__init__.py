"""Image setters: values that a marker comment ties to an ImagePolicy are replaced inside the bytes of YAML files.

Pure: bytes in, bytes out. Reading trees, walking symbolic links and writing commits is for `controllers.git`; which
policies take part is for the automation. Follows Flux's "Setters" update strategy
(https://fluxcd.io/flux/guides/image-update/#configure-image-update-for-custom-resources), but edits scalars in place
where Flux writes the whole file anew.
"""

from controllers.setters.errors import PathOutside, SettersError, Unparsable, UnsupportedStrategy
from controllers.setters.findings import Finding, Reason
from controllers.setters.globs import names
from controllers.setters.markers import find_markers
from controllers.setters.marks import Mark, ObjectId
from controllers.setters.memory import Memory
from controllers.setters.refs import SUFFIXES, ImageRef
from controllers.setters.select import (
    MARKER,
    has_marker,
    is_candidate,
    relative_to,
    require_strategy,
    resolve_update_path,
)
from controllers.setters.splice import NO_HOLDS, Change, FileEdit, Holds, apply
from controllers.setters.update import FileResult, Update, update

__all__ = [
    "MARKER",
    "NO_HOLDS",
    "SUFFIXES",
    "Change",
    "FileEdit",
    "FileResult",
    "Finding",
    "Holds",
    "ImageRef",
    "Mark",
    "Memory",
    "ObjectId",
    "PathOutside",
    "Reason",
    "SettersError",
    "Unparsable",
    "UnsupportedStrategy",
    "Update",
    "apply",
    "find_markers",
    "has_marker",
    "is_candidate",
    "names",
    "relative_to",
    "require_strategy",
    "resolve_update_path",
    "update",
]
