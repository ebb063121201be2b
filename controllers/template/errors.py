"""What can go wrong when a commit message is made.

TemplateFailure
├── TemplateError          the template does not parse, or does not run on this data
└── RemovedField           the template uses a field of the old data model where only the current one is offered

Inside the package (never seen by callers of `render`):
FunctionFailure            what Go's functions report as an error or a panic; the evaluation adds name and position
LimitExceeded              a budget of `limits` is used up; the execution adds the position
"""


class TemplateFailure(Exception):
    """A commit message could not be made. `str(error)` is the text after `failed to update source: `."""


class TemplateError(TemplateFailure):
    """The template does not parse or does not run; retrying helps only after the template or its values changed."""


class RemovedField(TemplateFailure):
    """The template uses `.Updated` or `.Changed.ImageResult` under the current data model (Flux's fixed texts)."""


class FunctionFailure(Exception):
    """A template function refused its arguments; the text is what Go's function would say."""


class LimitExceeded(Exception):
    """A render used up one of its budgets; the text names the limit."""
