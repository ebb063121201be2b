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

FUNCTIONS: Final[dict[str, Function]] = {
    **builtins.LIBRARY.functions,
    **strings.LIBRARY.functions,
    **words.LIBRARY.functions,
    **lists.LIBRARY.functions,
    **dicts.LIBRARY.functions,
    **defaults.LIBRARY.functions,
    **math.LIBRARY.functions,
    **json.LIBRARY.functions,
    **encoding.LIBRARY.functions,
    **regex.LIBRARY.functions,
    **dates.LIBRARY.functions,
    **semver.LIBRARY.functions,
    **urls.LIBRARY.functions,
    **paths.LIBRARY.functions,
    **links.LIBRARY.functions,
}
"""By name; sprig's replace built-ins of the same name. Ours, in `funcs_links`, have names that neither has."""
