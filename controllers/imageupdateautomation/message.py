"""What a commit message template sees of an update. Pure."""

from collections.abc import Mapping

from api.imagepolicy import ImageRef
from api.imageupdateautomation import ImageUpdateAutomation
from controllers import setters, template
from controllers.imageupdateautomation.comparison import Sources, comparison


def build_template_data(
    automation: ImageUpdateAutomation, update: setters.Update, images: Mapping[str, ImageRef], sources: Sources
) -> template.TemplateData:
    """The data of `spec.git.commit.messageTemplate`, for both data models.

    images: the policies that were used, by name. sources: what is known of their recent choices.
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
        result.file,
        template.ObjectRef(identity.api_version, identity.kind, identity.namespace, identity.name),
        [_change(change, images, sources) for change in result.changes],
    )


def _change(change: setters.ValueChange, images: Mapping[str, ImageRef], sources: Sources) -> template.TemplateChange:
    """A change with the whole image of the policy that its marker names, whichever part of it the marker writes."""
    policy = change.setter.split(":")[1]
    ref = images[policy]
    image = setters.ImageRef(ref.name, ref.tag, ref.digest).value("")
    compared = comparison(change, ref, sources[policy]) if policy in sources else None
    return template.TemplateChange(change.old_value, change.new_value, change.setter, image, compared)
