"""From a template and the data of an update to a commit message."""

from datetime import datetime

from controllers.template.errors import TemplateError
from controllers.template.eval.execution import Execution
from controllers.template.eval.render_context import RenderContext
from controllers.template.eval.scope import PREFIX
from controllers.template.flux.data import comparisons, template_data
from controllers.template.go.gotext import encode, to_valid_utf8
from controllers.template.library import FUNCTIONS
from controllers.template.limits import Limits, RenderBudget
from controllers.template.model import DataModel, TemplateData
from controllers.template.syntax.nodes import Tree
from controllers.template.syntax.parser import MAIN, parse

DEFAULT_MESSAGE = "Update from image update automation"
DEFAULT_LIMITS = Limits()


def render_bytes(
    template: str,
    data: TemplateData,
    *,
    now: datetime,
    model: DataModel = DataModel.LEGACY,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """Return the commit message as Git stores it; not valid UTF-8 where the template cuts a character in half.

    template: `spec.git.commit.messageTemplate`; the default message when empty.
    now: aware; only the function `ago` reads it.
    Raises TemplateError and RemovedField, nothing else; retrying with the same template and data does not help.
    Cost: typically under a millisecond, bounded by `limits`. Safe to call from several threads.
    """
    try:
        tree = _parse(template, limits)
        run = RenderContext(RenderBudget(limits), now, comparisons=comparisons(data))
        return encode(Execution(tree, FUNCTIONS, run, data=template_data(data, model)).run())
    except RecursionError:  # the limits on nesting are meant to make this impossible from an ordinary stack
        raise TemplateError(f'{PREFIX}template: {MAIN}: executing "{MAIN}": nested too deeply') from None


def check(template: str, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise TemplateError for a template that no data could be rendered by, as `render` would."""
    try:
        _parse(template, limits)
    except RecursionError:
        raise TemplateError(f"{PREFIX}template: {MAIN}: nested too deeply") from None


def _parse(template: str, limits: Limits) -> Tree:
    source = to_valid_utf8(template) or DEFAULT_MESSAGE
    if len(source) > limits.template_bytes:
        raise TemplateError(f"commit message template is larger than {limits.template_bytes} bytes")
    return parse(source, FUNCTIONS)


def render(
    template: str,
    data: TemplateData,
    *,
    now: datetime,
    model: DataModel = DataModel.LEGACY,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """Return the commit message as text: `render_bytes` with bytes that are not UTF-8 replaced by U+FFFD."""
    return render_bytes(template, data, now=now, model=model, limits=limits).decode("utf-8", "replace")
