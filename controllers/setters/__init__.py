"""Image setters: values that a marker comment ties to an ImagePolicy are replaced inside the bytes of YAML files.

Pure: bytes in, bytes out; only `FileCache` keeps something between calls. `controllers.git` reads trees, follows
symbolic links and writes commits; the automation says which policies take part. Follows Flux's "Setters" strategy
(https://fluxcd.io/flux/guides/image-update/#configure-image-update-for-custom-resources), but edits scalars in place
where Flux writes the whole file anew.

To add a file type whose values stand one on a line, add a row to `line_markers.LINE_FORMATS`. Users name such files in
`spec.update.files`.
"""

from controllers.image.ref import ImageRef
from controllers.setters.attempts import mentions_marker
from controllers.setters.cache import FileCache
from controllers.setters.candidates import (
    count_markers,
    has_marker,
    is_candidate,
    relative_to,
    require_strategy,
    resolve_update_path,
)
from controllers.setters.errors import SettersError, Unparsable, UnsupportedStrategy, UpdatePathOutside
from controllers.setters.findings import FileFinding, FindingReason
from controllers.setters.globs import matches_any, name_filter
from controllers.setters.line_markers import LineMarker, find_line_markers
from controllers.setters.marker import Marker, ObjectIdentifier
from controllers.setters.markers import find_markers
from controllers.setters.splice import NO_REVERTS, FileEdit, Reverts, ValueChange, apply
from controllers.setters.targets import Target
from controllers.setters.update import FileResult, Update, update

__all__ = [
    "NO_REVERTS",
    "FileCache",
    "FileEdit",
    "FileFinding",
    "FileResult",
    "FindingReason",
    "ImageRef",
    "LineMarker",
    "Marker",
    "ObjectIdentifier",
    "Reverts",
    "SettersError",
    "Target",
    "Unparsable",
    "UnsupportedStrategy",
    "Update",
    "UpdatePathOutside",
    "ValueChange",
    "apply",
    "count_markers",
    "find_line_markers",
    "find_markers",
    "has_marker",
    "is_candidate",
    "matches_any",
    "mentions_marker",
    "name_filter",
    "relative_to",
    "require_strategy",
    "resolve_update_path",
    "update",
]
