"""Who may use an ImageRepository of another namespace."""

import pytest

from api.meta import AccessFrom, NamespaceSelector
from controllers.imagepolicy.acl import AccessDenied, check_access
from testing.builders import image_repository

MISSING = "'images/app' can't be accessed due to missing ACL labels on 'accessFrom'"
MISMATCH = "'images/app' can't be accessed due to ACL labels mismatch on namespace 'apps'"
LABELS = {"team": "a", "stage": "dev"}


def access(*selectors: dict[str, str]) -> AccessFrom:
    return AccessFrom(namespace_selectors=tuple(NamespaceSelector(match_labels=labels) for labels in selectors))


@pytest.mark.parametrize(
    ("access_from", "denied"),
    [
        pytest.param(None, MISSING, id="denied-by-default"),
        pytest.param(access(), MISMATCH, id="empty-list-allows-none"),
        pytest.param(access({}), "", id="empty-selector-allows-all"),
        pytest.param(access({"team": "a"}), "", id="label-matches"),
        pytest.param(access({"team": "b"}), MISMATCH, id="value-differs"),
        pytest.param(access({"owner": "a"}), MISMATCH, id="label-missing"),
        pytest.param(access({"owner": ""}), MISMATCH, id="missing-label-is-not-an-empty-one"),
        pytest.param(access({"team": "a", "stage": "dev"}), "", id="all-labels-of-a-selector"),
        pytest.param(access({"team": "a", "stage": "prod"}), MISMATCH, id="only-some-labels-of-a-selector"),
        pytest.param(access({"team": "b"}, {"stage": "dev"}), "", id="any-selector-is-enough"),
        pytest.param(access({"Team": "a"}), MISMATCH, id="letter-case-counts"),
    ],
)
def test_access_from_another_namespace(access_from: AccessFrom | None, denied: str) -> None:
    repository = image_repository(namespace="images", access_from=access_from)
    if not denied:
        check_access(repository, "apps", namespace_labels=LABELS)
        return
    with pytest.raises(AccessDenied) as refusal:
        check_access(repository, "apps", namespace_labels=LABELS)
    assert str(refusal.value) == denied


@pytest.mark.parametrize("access_from", [pytest.param(None, id="unset"), pytest.param(access(), id="none-allowed")])
def test_own_namespace_needs_no_permission(access_from: AccessFrom | None) -> None:
    check_access(image_repository(namespace="apps", access_from=access_from), "apps", namespace_labels={})


def test_namespace_without_labels_gets_in_only_by_the_empty_selector() -> None:
    check_access(image_repository(namespace="images", access_from=access({})), "apps", namespace_labels={})
    with pytest.raises(AccessDenied):
        check_access(image_repository(namespace="images", access_from=access({"a": "b"})), "apps", namespace_labels={})
