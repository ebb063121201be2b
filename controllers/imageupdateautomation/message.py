"""What a commit message template sees of an update. Pure."""

from collections.abc import Mapping

from api.imagepolicy import ImageRef
from api.imageupdateautomation import ImageUpdateAutomation
from controllers import setters, template


def template_data(
    automation: ImageUpdateAutomation, update: setters.Update, images: Mapping[str, ImageRef]
) -> template.TemplateData:
    """The data of `spec.git.commit.messageTemplate`, for both data models.

    images: the policies that were used, by name
    """
    commit = automation.spec.git.commit if automation.spec.git else None
    return template.TemplateData(
        namespace=automation.metadata.namespace,
        name=automation.metadata.name,
        results=[_file_change(result, images) for result in update.result],
        values=(commit.message_template_values or None) if commit else None,
    )


def _file_change(result: setters.FileResult, images: Mapping[str, ImageRef]) -> template.FileChange:
    identity = result.object
    return template.FileChange(
        result.file,
        template.ObjectRef(identity.api_version, identity.kind, identity.namespace, identity.name),
        [
            template.Change(change.old_value, change.new_value, change.setter, _image(change.setter, images))
            for change in result.changes
        ],
    )


def _image(setter: str, images: Mapping[str, ImageRef]) -> str:
    """The whole image of the policy that a marker names, whichever part of it the marker writes."""
    ref = images[setter.split(":")[1]]
    return setters.ImageRef(ref.name, ref.tag, ref.digest).value("")
