"""The SDKs are optional: not loaded before they are needed, and named when they are missing."""

import subprocess
import sys

import pytest

from controllers.cloud import sdk
from controllers.cloud.errors import LoginFailed

IMPORTS = (
    "import sys, controllers.imagerepository.__main__, controllers.imagepolicy.__main__, "
    "controllers.imageupdateautomation.__main__; "
    "print(sorted({name.split('.')[0] for name in sys.modules} & {'boto3', 'botocore', 'azure', 'google', 'requests'}))"
)


def test_a_process_that_uses_no_cloud_loads_no_sdk() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_sdk_says_what_to_install() -> None:
    with pytest.raises(LoginFailed) as error:
        sdk.load("botocore_of_another_world.session", extra="aws")
    assert str(error.value) == "provider 'aws' needs botocore_of_another_world: install tagline[aws]"


def test_a_proxy_is_for_both_schemes() -> None:
    assert sdk.proxies("") is None
    assert sdk.proxies("http://p") == {"http": "http://p", "https": "http://p"}
