"""The commit message: the data that its template reads, and the rendering. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from api.imageupdateautomation import ImageUpdateAutomation
from controllers import setters, template
from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.net.foreign_text import escape
from controllers.update.comparison import Sources, build_comparison
from controllers.update.work import Work

NO_FIELDS: Mapping[str, str] = {}


def render_message(
    work: Work,
    update: setters.Update,
    message_template: str,
    *,
    now: datetime,
    fields: Mapping[str, str] = NO_FIELDS,
) -> str:
    """Return the message of the commit that makes an update. Raises TemplateFailure.

    fields: what the template may read besides
    """
    data = build_template_data(work.automation, update, work.images, work.sources)
    return template.render(message_template, replace(data, fields=fields), now=now)


def build_template_data(
    automation: ImageUpdateAutomation, update: setters.Update, images: Mapping[str, ImageRef], sources: Sources
) -> template.TemplateData:
    """Return the data of `spec.git.commit.messageTemplate`, for both data models.

    images: the policies that were used, by `namespace:policy`. sources: where their recent choices were built from.
    """
    commit = automation.spec.git.commit if automation.spec.git else None
    return template.TemplateData(
        namespace=automation.metadata.namespace,
        name=automation.metadata.name,
        results=[_file_change(result, images, sources) for result in update.result],
        values=(commit.message_template_values or None) if commit else None,
    )


def _file_change(result: setters.FileResult, images: Mapping[str, ImageRef], sources: Sources) -> template.FileChange:
    identity = result.object
    return template.FileChange(
        escape(result.file),
        template.ObjectRef(identity.api_version, identity.kind, identity.namespace, identity.name),
        [_change(change, images, sources) for change in result.changes],
    )


def _change(change: setters.ValueChange, images: Mapping[str, ImageRef], sources: Sources) -> template.TemplateChange:
    """Return a change with the whole image that its marker names, whichever part of it the marker writes."""
    setter = parse_setter(change.setter)
    image = images[setter.policy_key]
    compared = None
    if setter.policy_key in sources:
        compared = build_comparison(setter, change.old_value, image, sources[setter.policy_key])
    return template.TemplateChange(change.old_value, change.new_value, change.setter, str(image), compared)
