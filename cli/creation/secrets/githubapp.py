"""`create secret githubapp`."""

from typing import Any, Final

from cli.creation.command import without_unset
from cli.creation.secrets.command import Content, secret_command
from cli.creation.secrets.files import read_text
from cli.grammar.flags import text
from cli.grammar.session import Failed, Session

_FLAGS: Final = (
    text("--app-id", help="ID of the app, a number"),
    text("--app-client-id", help="client ID of the app, in place of its ID"),
    text("--app-installation-owner", help="organization or user that the app is installed for"),
    text("--app-installation-id", help="ID of the installation, in place of its owner"),
    text("--app-private-key", help="file with the private key of the app, PEM"),
    text("--app-base-url", help="address of the API, if not that of github.com"),
)

_EXAMPLES: Final = """
# the login of a GitHub App
tagline create secret githubapp fleet-auth --app-id=1 --app-installation-owner=org --app-private-key=app.pem
"""


def _make(_: Session, flags: Any) -> Content:
    key = read_text(flags.app_private_key, "unable to read private key file")
    if not flags.app_id and not flags.app_client_id:
        raise Failed("githubAppID is required")
    if flags.app_id and flags.app_client_id:
        raise Failed("exactly one of githubAppID or githubAppClientID must be provided")
    if bool(flags.app_installation_owner) == bool(flags.app_installation_id):
        raise Failed("exactly one of githubAppInstallationOwner or githubAppInstallationID must be provided")
    if not key:
        raise Failed("githubAppPrivateKey is required")
    data = without_unset(
        {
            "githubAppID": flags.app_id,
            "githubAppClientID": flags.app_client_id,
            "githubAppInstallationOwner": flags.app_installation_owner,
            "githubAppInstallationID": flags.app_installation_id,
            "githubAppPrivateKey": key,
            "githubAppBaseURL": flags.app_base_url,
        }
    )
    return Content(data, type="Opaque")


COMMAND: Final = secret_command(
    "githubapp",
    flags=_FLAGS,
    make=_make,
    summary="create or change a Secret of a GitHub App",
    description="Makes a Secret with which a GitHub App logs in. With --export it is printed instead.",
    examples=_EXAMPLES,
    takes_labels=False,
)
