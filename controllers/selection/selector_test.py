"""Which repository a policy chooses from."""

import pytest

from controllers.runtime.key import Key
from controllers.selection.selector import repository_key
from testing.builders import image_policy


@pytest.mark.parametrize(
    ("namespace", "want"),
    [
        pytest.param("", Key("apps", "app"), id="own-namespace"),
        pytest.param("images", Key("images", "app"), id="another"),
    ],
)
def test_repository_key(namespace: str, want: Key) -> None:
    assert repository_key(image_policy(repository_namespace=namespace)) == want
