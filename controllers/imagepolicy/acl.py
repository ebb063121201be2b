"""Who may refer to an ImageRepository from another namespace: pure, and denying by default.

Follows https://fluxcd.io/flux/components/image/imagerepositories/#access-from; the texts are Flux's.
"""

from collections.abc import Mapping

from api.imagerepository import ImageRepository
from api.selectors import chooses_namespace


class AccessDenied(Exception):
    """The repository does not allow this namespace; the text says what is missing."""


def check_access(repository: ImageRepository, policy_namespace: str, *, namespace_labels: Mapping[str, str]) -> None:
    """Raise AccessDenied unless a policy of `policy_namespace` may use the repository.

    namespace_labels: of the policy's namespace
    """
    meta = repository.metadata
    if meta.namespace == policy_namespace:
        return
    name = f"{meta.namespace}/{meta.name}"
    if repository.spec.access_from is None:
        raise AccessDenied(f"'{name}' can't be accessed due to missing ACL labels on 'accessFrom'")
    if not chooses_namespace(repository.spec.access_from, namespace_labels):
        raise AccessDenied(f"'{name}' can't be accessed due to ACL labels mismatch on namespace '{policy_namespace}'")
