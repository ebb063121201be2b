"""What is wrong with a command line of Helm is found before a reader runs it."""

import re

import pytest

from hack.pages.blocks import ROOT
from hack.pages.commandlines import Wrong, check_script


def test_a_command_that_would_work_is_taken() -> None:
    check_script("helm install tagline manifests/chart --namespace x --set image.tag=v1,replicas=2")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("helm delete tagline", "helm delete", id="verb"),
        pytest.param("helm install tagline manifests/chart --name-space x", "--name-space", id="flag"),
        pytest.param("helm upgrade tagline manifests/chart --set image.tags=v1", "image.tags", id="value"),
        pytest.param("helm upgrade tagline manifests/chart --set=replicas=2,x=y", "no value x", id="value-of-several"),
    ],
)
def test_a_command_that_would_not_work_is_named(line: str, said: str) -> None:
    with pytest.raises(Wrong, match=re.escape(said)):
        check_script(line)


def test_commands_of_the_charts_readme_are_understood() -> None:
    text = (ROOT / "manifests" / "chart" / "README.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        check_script(block)
