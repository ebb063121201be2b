"""Alibaba Cloud's Container Registry. It signs nothing, and the host of an Enterprise instance is not in its payload.

https://www.alibabacloud.com/help/en/acr/user-guide/manage-webhooks
"""

import re
from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_path
from controllers.webhooks.payload import text
from controllers.webhooks.request import Request
from controllers.webhooks.senders.sender import Sender, Setup
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Name, Notice, malformed

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z0-9]+)+", re.ASCII)
_HOSTS: Final = ("registry", "registry-vpc", "registry-internal")


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    repository = text(payload, "repository", "repo_full_name") or "/".join(
        part for key in ("namespace", "name") if (part := text(payload, "repository", key))
    )
    if not repository:
        raise malformed("there is no `repository.repo_full_name`")
    region = text(payload, "repository", "region")
    hosts = [f"{host}.{region}.aliyuncs.com" for host in _HOSTS] if _REGION.fullmatch(region) else [""]
    event = names.push(
        *(Name(host, repository) for host in hosts),
        tag=text(payload, "push_data", "tag"),
        digest=text(payload, "push_data", "digest"),
    )
    return Notice((event,))


SENDER = Sender(
    type="aliyun",
    title="Alibaba Cloud Container Registry",
    authenticate=check_path,
    read=_read,
    setup=Setup(
        where="Container Registry, the instance, the repository, Triggers, Create",
        steps=("Trigger URL: {url}", "Trigger: all, or by regular expression or tags"),
        needs="`token`, of which the path is made; optionally `password`, to be sent as ?token= in the URL",
        verified="the path alone, and the password if the Secret has one",
        notes=(
            (
                "The payload names only the region. For an Enterprise or new Personal instance set the registry to its "
                "host, such as NAME-registry.REGION.cr.aliyuncs.com."
            ),
        ),
    ),
)
