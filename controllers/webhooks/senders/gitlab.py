"""The container registry of a self-managed GitLab: it is a Distribution, and sends its notifications.

https://docs.gitlab.com/administration/packages/container_registry/#configure-container-registry-notifications.
gitlab.com sends none. Hooks of projects, groups and the system come with X-Gitlab-Event, and are about code, never
about images. https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from typing import Any, Final

from controllers.webhooks.authentication import check_token
from controllers.webhooks.request import Request
from controllers.webhooks.senders import code, distribution
from controllers.webhooks.senders.sender import Sender, Setup, nothing
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Delivery, Notice

_EVENT: Final = "X-Gitlab-Event"


def _authenticate(request: Request, settings: Settings) -> str:
    return check_token(request, settings, headers=("X-Gitlab-Token", "Authorization"))


def _read(payload: Any, request: Request, settings: Settings) -> Notice:
    if event := request.header(_EVENT):
        delivery = Delivery(request.header("X-Gitlab-Event-UUID"))
        found = code.read_gitlab(payload)
        return Notice((found or nothing(f"the event {event} of a project is not about images"),), delivery)
    return distribution.read(payload, request, settings)


SENDER = Sender(
    type="gitlab",
    title="GitLab",
    authenticate=_authenticate,
    read=_read,
    event_headers=(_EVENT,),
    setup=Setup(
        where="/etc/gitlab/gitlab.rb of a self-managed GitLab, then gitlab-ctl reconfigure",
        steps=(
            (
                "registry['notifications'] = [{{'name' => 'tagline', 'url' => '{url}', 'timeout' => '5s', "
                "'threshold' => 5, 'backoff' => '10s', 'headers' => {{'Authorization' => ['Bearer {secret}']}}}}]"
            ),
        ),
        needs="`token`: the text behind Bearer",
        verified="X-Gitlab-Token or Authorization hold the token",
        notes=(
            "gitlab.com announces no images; there is only polling.",
            (
                "Webhooks of a project are not about images. With Push events and Merge request events, and the token "
                "as Secret token, they wake automations."
            ),
        ),
    ),
)
