"""Every function a commit message may use: Go's built-ins, sprig v3.3.0's hermetic text functions, and ours."""

from typing import Final

from controllers.template.eval import builtins
from controllers.template.flux import links
from controllers.template.go.types import Function
from controllers.template.sprig import (
    dates,
    defaults,
    dicts,
    encoding,
    json,
    lists,
    math,
    paths,
    regex,
    semver,
    strings,
    urls,
    words,
)

LIBRARIES: Final = (
    builtins.LIBRARY,
    strings.LIBRARY,
    words.LIBRARY,
    lists.LIBRARY,
    dicts.LIBRARY,
    defaults.LIBRARY,
    math.LIBRARY,
    json.LIBRARY,
    encoding.LIBRARY,
    regex.LIBRARY,
    dates.LIBRARY,
    semver.LIBRARY,
    urls.LIBRARY,
    paths.LIBRARY,
    links.LIBRARY,
)
"""Later ones win: sprig's functions replace built-ins of the same name. Ours, in `links`, have names of their own."""

FUNCTIONS: Final[dict[str, Function]] = {
    name: function for library in LIBRARIES for name, function in library.functions.items()
}
"""By the name that templates use."""
