"""`controllers.update.preview`: what it has in common with a run."""

from datetime import UTC, datetime

import pytest

from api.imagepolicy import ImageRef
from api.imageupdateautomation import ImageUpdateAutomationStatus, UpdateStrategy, Written
from controllers.git.errors import RepositoryTooLarge
from controllers.git.objects.scan import MAX_FILE_BYTES, MAX_RUN_BYTES, File
from controllers.update.preview import preview
from controllers.update.repository import MAX_FILE_MARKERS
from controllers.update.work import plan_work
from testing.builders import automation, image_policy

MARKED = 'image: x/web:%s # {"$imagepolicy": "apps:web"}\n'
WRITTEN = Written(file="web.yaml", setter="apps:web", old="x/web:1.0.0", new="x/web:1.1.0")


@pytest.mark.parametrize(("starts_anew", "is_held"), [(False, True), (True, False)])
def test_a_value_is_held_only_on_a_branch_on_which_it_can_have_been_put_back(starts_anew: bool, is_held: bool) -> None:
    """As a run does: a push branch that is made anew begins with former values that nobody put back."""
    held = automation(update=UpdateStrategy(hold_reverted=True), status=ImageUpdateAutomationStatus(written=(WRITTEN,)))
    policies = [image_policy("web", latest=ImageRef(name="x/web", tag="1.1.0"))]
    files = [File("web.yaml", "web.yaml", (MARKED % "1.0.0").encode())]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = preview(plan_work(held, policies), files, policies, now=now, message_template="", starts_anew=starts_anew)
    assert made.edit.contents == ({} if is_held else {"web.yaml": (MARKED % "1.1.0").encode()})


LARGE = b"#" * (MAX_FILE_BYTES - 200) + b"\n"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        pytest.param(
            [b"a: x/web:1 # {}\n" + LARGE * 2], "'0.yaml': a file with markers may have at most 1 MiB", id="a-file"
        ),
        pytest.param([LARGE] * (MAX_RUN_BYTES // len(LARGE) + 1), "files with markers together may have", id="all"),
        pytest.param(
            [(MARKED % "1.0.0").encode() * (MAX_FILE_MARKERS + 1)], "may have at most 5000 markers", id="markers"
        ),
    ],
)
def test_what_a_run_refuses_is_not_promised(contents: list[bytes], message: str) -> None:
    files = [File(f"{number}.yaml", f"{number}.yaml", data) for number, data in enumerate(contents)]
    with pytest.raises(RepositoryTooLarge, match=message):
        preview(plan_work(automation(), []), files, [], now=datetime(2026, 1, 1, tzinfo=UTC), message_template="")
