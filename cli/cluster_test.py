"""How the command line names an object."""

import pytest

from cli.cluster import parse_key
from controllers.runtime.key import Key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("apps/web", Key("apps", "web"), id="namespace"),
        pytest.param("web", Key("default", "web"), id="default-namespace"),
    ],
)
def test_key_has_a_namespace(text: str, key: Key) -> None:
    assert parse_key(text) == key
