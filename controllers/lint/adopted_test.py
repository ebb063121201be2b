"""`controllers.lint`: what adoption writes has no finding."""

from hypothesis import given, settings

from controllers.adoption.property_test import NAMESPACE, adopt, repositories
from controllers.lint.lint import lint


@settings(max_examples=100, deadline=None)
@given(repositories())
def test_an_adopted_repository_is_clean(files: dict[str, bytes]) -> None:
    adoption, objects = adopt(files)
    assert f"namespace: {NAMESPACE}" in objects or not adoption.proposals
    written = files | dict(adoption.edits) | {"objects.yaml": objects.encode()}
    assert lint(written.items(), flux=True) == []
