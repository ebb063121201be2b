"""The question that a preview asks: what an automation makes of a tree. No Git, no cluster."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from api.imagepolicy import ImageRef
from api.imageupdateautomation import UpdateStrategy
from api.meta import LabelSelector, LabelSelectorRequirement
from api.selectors import BadSelector
from controllers import setters
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip
from controllers.update import editor as editor_module
from controllers.update.edit import plan_edit
from controllers.update.editor import INLINE_BYTES, INLINE_CHANGES, INLINE_FILES, THREADS_PER_NAMESPACE, Editor
from controllers.update.work import MarkedTree, Work, plan_work
from testing.builders import automation, image_policy
from testing.clock import START

BASE = Tip("refs/heads/main", "c" * 40, "main@sha1:" + "c" * 40)
WEB = ImageRef(name="x/web", tag="1.1.0")
POLICIES = (image_policy("web", latest=WEB), image_policy("bad", latest=ImageRef(name="x/UPPER", tag="1")))


def marked(tag: str, marker: str = "apps:web") -> bytes:
    return f'image: x/web:{tag} # {{"$imagepolicy": "{marker}"}}\n'.encode()


def file(path: str, data: bytes, *, target: str = "") -> File:
    return File(path, target or path, data)


def test_edit_has_the_changed_files_by_where_they_are_stored() -> None:
    tree = MarkedTree(BASE, [file("web.yaml", marked("1.0.0"), target="real.yaml"), file("new.yaml", marked("1.1.0"))])
    edit = plan_edit(tree, plan_work(automation(), POLICIES))
    assert (edit.base, edit.contents) == (BASE, {"real.yaml": marked("1.1.0")})
    assert [result.file for result in edit.update.result] == ["web.yaml"]


def test_cache_changes_no_edit() -> None:
    cache, work = setters.FileCache(), plan_work(automation(), POLICIES)
    tree = MarkedTree(BASE, [file("web.yaml", marked("1.0.0"))])
    assert plan_edit(tree, work, cache=cache) == plan_edit(tree, work, cache=cache) == plan_edit(tree, work)


def test_value_that_was_put_back_is_left_alone() -> None:
    reverts = {("web.yaml", "apps:web", "x/web:1.0.0"): "x/web:1.1.0"}
    tree = MarkedTree(BASE, [file("web.yaml", marked("1.0.0"))])
    edit = plan_edit(tree, plan_work(automation(), POLICIES), reverts=reverts)
    assert (edit.contents, [finding.reason.value for finding in edit.update.findings]) == ({}, ["held"])


def test_work_is_decided_from_objects() -> None:
    paused = image_policy("paused", latest=WEB, suspend=True)
    work = plan_work(automation(update=UpdateStrategy(path="./apps/")), (*POLICIES, paused))
    assert (work.path, set(work.images), set(work.paused)) == ("apps", {"apps:web"}, {"apps:paused"})
    assert set(work.last_chosen) == {"apps:web", "apps:bad", "apps:paused"}
    assert [finding.reason for finding in work.findings] == ["InvalidImage"]


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        pytest.param({"update": UpdateStrategy(strategy="Other")}, setters.UnsupportedStrategy, id="strategy"),
        pytest.param({"update": UpdateStrategy(path="../up")}, setters.UpdatePathOutside, id="path"),
        pytest.param(
            {"policy_selector": LabelSelector(match_expressions=(LabelSelectorRequirement(key="a", operator="Like"),))},
            BadSelector,
            id="selector",
        ),
    ],
)
def test_spec_that_cannot_work(spec: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        plan_work(automation(**spec), POLICIES)


async def test_an_edit_that_nobody_waits_for_ends_at_its_next_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are few: a namespace whose files take long to parse has two of them."""
    reached, go_on, parsed = threading.Event(), threading.Event(), []

    def slow(path: str, *_: Any, **__: Any) -> setters.FileEdit:
        parsed.append(path)
        reached.set()
        go_on.wait(5)
        return setters.FileEdit(path, b"")

    monkeypatch.setattr(setters.FileCache, "apply", lambda _self, path, *_: slow(path))
    work = plan_work(automation(), POLICIES)

    class Files:
        async def read_tree(self, *_: object) -> MarkedTree:
            return MarkedTree(BASE, [file(f"{n}.yaml", marked("1")) for n in range(INLINE_FILES + 1)])

    editor = Editor()
    editing = [asyncio.create_task(editor.edit(Files(), work, BASE)) for _ in range(6)]  # type: ignore[arg-type]
    assert await asyncio.to_thread(reached.wait, 5)
    await asyncio.sleep(0.1)
    assert len(parsed) == 2
    for task in editing:
        task.cancel()
    await asyncio.gather(*editing, return_exceptions=True)
    go_on.set()
    editor._threads.shutdown(wait=True)
    assert len(parsed) == 2


async def test_messages_that_take_long_use_up_the_threads_of_their_namespace_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached, go_on, rendered = threading.Event(), threading.Event(), []

    def slow(work: Work, *_: Any, **__: Any) -> str:
        namespace = work.automation.metadata.namespace
        if namespace == "attacker":
            rendered.append(namespace)
            reached.set()
            go_on.wait(20)
        return namespace

    monkeypatch.setattr(editor_module, "render_message", slow)
    theirs, ours = (plan_work(automation(namespace=name), POLICIES) for name in ("attacker", "victim"))
    edit, editor, now = plan_edit(MarkedTree(BASE, []), ours), Editor(), datetime(2024, 1, 1, tzinfo=UTC)
    rendering = [asyncio.create_task(editor.render(theirs, edit, "{{ .Values }}", now=now)) for _ in range(20)]
    assert await asyncio.to_thread(reached.wait, 5)
    async with asyncio.timeout(10):
        assert await editor.render(ours, edit, "{{ .Values }}", now=now) == "victim"
    assert len(rendered) <= THREADS_PER_NAMESPACE
    go_on.set()
    await asyncio.gather(*rendering)
    editor._threads.shutdown(wait=True)


async def test_few_small_files_and_a_message_without_actions_take_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread costs as much as the work."""
    editor, used = Editor(), []
    run = editor._threads.run

    async def counted(work: Any, *shares: Any) -> Any:
        used.append(work)
        return await run(work, *shares)

    monkeypatch.setattr(editor._threads, "run", counted)
    work = plan_work(automation(), POLICIES)

    async def edit(size: int, message: str) -> None:
        tree = MarkedTree(BASE, [file("a.yaml", marked("1") + b"#" * size)])
        await editor.render(work, await editor.plan(tree, work), message, now=START)

    await edit(0, "Update images")
    assert used == []
    await edit(0, "Update {{ .AutomationObject }}")
    assert len(used) == 1
    await edit(INLINE_BYTES, "Update images")
    assert len(used) == 2
    lines = b"".join(b"- " + marked("1") for _ in range(INLINE_CHANGES + 1))
    many = plan_edit(MarkedTree(BASE, [file("a.yaml", lines)]), work)
    assert sum(len(result.changes) for result in many.update.result) > INLINE_CHANGES
    await editor.render(work, many, "Update images", now=START)
    assert len(used) == 3, "a file may have thousands of changes, each of which a template is told"
