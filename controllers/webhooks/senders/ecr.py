"""Amazon's Elastic Container Registry, by EventBridge and an API destination; the event as it is, or as CloudEvents.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html. CloudEvents are what an input transformer
for Argo CD Image Updater makes (`com.amazon.ecr.image.push`), so that a rule that is there already may stay.
"""

import re
from typing import Any, Final

from controllers.webhooks import names
from controllers.webhooks.authentication import check_token
from controllers.webhooks.payload import child, identifier, moment, parse_object, text
from controllers.webhooks.request import Request, encode
from controllers.webhooks.senders import cloudevents
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Action, Delivery, Event, Name, Notice, Refusal, malformed

_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_REGION: Final = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}", re.ASCII)
_SOURCE: Final = re.compile(r"(?:arn|urn):aws[\w-]*:ecr:([\w-]+):(\d{12}):.*", re.ASCII)
_CLOUD_EVENTS: Final = "com.amazon.ecr."
_DOMAINS: Final = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}


def _authenticate(request: Request, settings: Settings) -> str:
    return check_token(request, settings, headers=("Authorization", "X-Api-Key"))


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    kind = text(payload, "Type")
    if kind == "Notification":
        return _read_of_sns(payload)
    if kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return Notice((nothing(f"{kind} of SNS: confirm it in Amazon's console", Action.PING),))
    return _read_event(payload)


def _read_of_sns(payload: Any) -> Notice:
    """Return what a topic of SNS forwards. https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html."""
    message = payload.get("Message")
    if not isinstance(message, str):
        raise malformed("the field `Message` is not text")
    try:
        event = parse_object(encode(message))
    except Refusal:
        return Notice((nothing("a message of SNS that is not about an image"),))
    return _read_event(event)


def _read_event(payload: Any) -> Notice:
    delivery = Delivery(identifier(payload, "id"), moment(payload, "time"))
    kind = text(payload, "type")
    event = _cloud_event(payload, kind) if kind.startswith(_CLOUD_EVENTS) else _native(payload)
    return Notice((event,), delivery)


def _native(payload: Any) -> Event:
    if "action-type" in payload:  # an input path of $.detail: neither account nor region are there
        return _action(payload, payload)
    if text(payload, "source") != "aws.ecr" or text(payload, "detail-type") != "ECR Image Action":
        return nothing(f"{text(payload, 'detail-type') or 'this'} is not an ECR Image Action")
    return _action(payload, child(payload, "detail"))


def _action(payload: Any, detail: Any) -> Event:
    action, result = text(detail, "action-type"), text(detail, "result")
    if action == "DELETE":
        return nothing(action, Action.DELETE)
    if action != "PUSH" or result != "SUCCESS":
        return nothing(f"{action} with the result {result} pushes nothing")
    return _push(
        text(payload, "account"),
        text(payload, "region"),
        text(detail, "repository-name"),
        tag=text(detail, "image-tag"),
        digest=text(detail, "image-digest"),
    )


def _cloud_event(payload: Any, kind: str) -> Event:
    if not kind.endswith(".push"):
        return nothing(f"the event {kind} pushes nothing")
    data = cloudevents.data_of(payload)
    match = _SOURCE.fullmatch(text(payload, "source"))
    region, account = (match[1], match[2]) if match else (text(data, "region"), "")
    return _push(
        text(data, "registryId") or account,
        region,
        text(data, "repositoryName"),
        tag=text(data, "imageTag"),
        digest=text(data, "imageDigest"),
    )


def _push(account: str, region: str, repository: str, *, tag: str, digest: str) -> Event:
    if not repository:
        raise malformed("there is no name of a repository")
    if not account and not region:
        return names.push(Name("", repository), tag=tag, digest=digest)
    if not (_ACCOUNT.fullmatch(account) and _REGION.fullmatch(region)):
        raise malformed("account and region are not both there")
    domain = next((domain for prefix, domain in _DOMAINS.items() if region.startswith(prefix)), "amazonaws.com")
    hosts = (
        f"{account}.dkr.ecr.{region}.{domain}",
        f"{account}.dkr-ecr.{region}.on.{'amazonwebservices.com.cn' if region.startswith('cn-') else 'aws'}",
        f"{account}.dkr.ecr-fips.{region}.{domain}",
    )
    return names.push(*(Name(host, repository) for host in hosts), tag=tag, digest=digest)


SENDER = Sender(
    type="ecr",
    title="Amazon ECR (EventBridge)",
    authenticate=_authenticate,
    read=_read,
    setup=Setup(
        where="Amazon EventBridge, in the region of the registry",
        steps=(
            "Connection: API key; API key name: Authorization; value: Bearer {secret}",
            "API destination: POST to {url}, with that connection",
            (
                'Rule on the default bus, event pattern: {{"source": ["aws.ecr"], "detail-type": ["ECR Image Action"], '
                '"detail": {{"action-type": ["PUSH"], "result": ["SUCCESS"]}}}}'
            ),
            "Target of the rule: the API destination. No input transformer is needed",
        ),
        needs="`token`: the text of the API key",
        verified="Authorization or X-Api-Key hold the token; also as the password of Basic",
        notes=("Amazon sends events on a best effort basis: polling stays.",),
    ),
)
