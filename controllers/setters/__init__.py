"""Image setters: values that a marker comment ties to an ImagePolicy are replaced inside the bytes of YAML files.

Pure: bytes in, bytes out. Reading trees, walking symbolic links and writing commits is for `controllers.git`; which
policies take part is for the automation. Follows Flux's "Setters" update strategy
(https://fluxcd.io/flux/guides/image-update/#configure-image-update-for-custom-resources), but edits scalars in place
where Flux writes the whole file anew.
"""

from controllers.image.ref import ImageRef
from controllers.setters.cache import FileCache
from controllers.setters.candidates import (
    MARKER,
    has_marker,
    is_candidate,
    relative_to,
    require_strategy,
    resolve_update_path,
)
from controllers.setters.errors import SettersError, Unparsable, UnsupportedStrategy, UpdatePathOutside
from controllers.setters.findings import FileFinding, FindingReason
from controllers.setters.globs import names
from controllers.setters.marker import Marker, ObjectIdentifier
from controllers.setters.markers import find_markers
from controllers.setters.splice import NO_REVERTS, FileEdit, Reverts, ValueChange, apply
from controllers.setters.update import FileResult, Update, update

__all__ = [
    "MARKER",
    "NO_REVERTS",
    "FileCache",
    "FileEdit",
    "FileFinding",
    "FileResult",
    "FindingReason",
    "ImageRef",
    "Marker",
    "ObjectIdentifier",
    "Reverts",
    "SettersError",
    "Unparsable",
    "UnsupportedStrategy",
    "Update",
    "UpdatePathOutside",
    "ValueChange",
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
