"""Commit messages: Go's template language with sprig's functions, on values only.

No I/O, no clock, no environment, no attribute of a Python object within reach, and a bounded cost for hostile
templates. Follows Go's `text/template` (https://pkg.go.dev/text/template), sprig v3.3.0
(https://masterminds.github.io/sprig/) and Flux's message template (docs/spec/v1/imageupdateautomations.md), with the
fields of Flux's old data model beside the new.

To add a function that templates may call, write it in the module of its subject (`sprig/`; `flux/` for what neither Go
nor sprig has) and decorate it with that module's `@LIBRARY.add("name", …parameter types)`. The types are checked
before each call. The first argument is the render's context, whose budget pays for what the function makes. A new
module also needs a line in `library.LIBRARIES`.
"""

from controllers.template.errors import RemovedField, TemplateError, TemplateFailure
from controllers.template.limits import Limits
from controllers.template.model import Comparison, DataModel, FileChange, ObjectRef, TemplateChange, TemplateData
from controllers.template.rendering import DEFAULT_MESSAGE, check, render, render_bytes

__all__ = [
    "DEFAULT_MESSAGE",
    "Comparison",
    "DataModel",
    "FileChange",
    "Limits",
    "ObjectRef",
    "RemovedField",
    "TemplateChange",
    "TemplateData",
    "TemplateError",
    "TemplateFailure",
    "check",
    "render",
    "render_bytes",
]
