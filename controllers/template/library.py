"""Every function a commit message may use: Go's built-ins, sprig v3.3.0's hermetic text functions, and ours."""

from typing import Final

from controllers.template import (
    funcs_builtin,
    funcs_dates,
    funcs_defaults,
    funcs_dicts,
    funcs_encoding,
    funcs_json,
    funcs_links,
    funcs_lists,
    funcs_math,
    funcs_paths,
    funcs_regex,
    funcs_semver,
    funcs_strings,
    funcs_urls,
    funcs_words,
)
from controllers.template.types import Function

FUNCTIONS: Final[dict[str, Function]] = {
    **funcs_builtin.LIBRARY.functions,
    **funcs_strings.LIBRARY.functions,
    **funcs_words.LIBRARY.functions,
    **funcs_lists.LIBRARY.functions,
    **funcs_dicts.LIBRARY.functions,
    **funcs_defaults.LIBRARY.functions,
    **funcs_math.LIBRARY.functions,
    **funcs_json.LIBRARY.functions,
    **funcs_encoding.LIBRARY.functions,
    **funcs_regex.LIBRARY.functions,
    **funcs_dates.LIBRARY.functions,
    **funcs_semver.LIBRARY.functions,
    **funcs_urls.LIBRARY.functions,
    **funcs_paths.LIBRARY.functions,
    **funcs_links.LIBRARY.functions,
}
"""By name; sprig's replace built-ins of the same name. Ours, in `funcs_links`, have names that neither has."""
