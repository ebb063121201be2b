"""What is done with each block of a page. Nothing is passed over: what is neither run nor checked says why not."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from hack.pages.blocks import GENERATED, Block, all_pages, blocks_of
from hack.pages.commandlines import Wrong, check_script
from hack.pages.manifests import check_line_markers, check_yaml
from hack.pages.player import SHELL, is_played

PLAYED: Final = (
    "docs/adopt.md",
    "docs/from/argocd-image-updater.md",
    "docs/from/keel.md",
    "docs/from/renovate.md",
    "docs/guides/command-line.md",
    "docs/guides/commit.md",
    "docs/guides/messages.md",
    "docs/guides/scan.md",
    "docs/guides/signing.md",
    "docs/lint.md",
    "docs/preview.md",
    "docs/start/alone.md",
    "docs/start/argocd.md",
    "docs/start/flux.md",
    "docs/start/production.md",
    "docs/start/staging.md",
)
"""Pages that `hack/pages/pages_test.py` plays from top to bottom."""

ASKED: Final = "$ tagline policy test"
"""Dialogues that begin like this are held by `hack/docs_test.py`, on every page."""
UNITS: Final = "ini"
"""Units of systemd are read by `hack/automate_docs_test.py`."""
EDITED: Final = ("dockerfile", "hcl")
"""Languages of files that a marker can stand in besides YAML."""


def judge(block: Block) -> str:
    """Return in a few words what is done with a block. Raises Wrong when that finds a fault, or nothing can be done."""
    if block.reason:
        if block.language in SHELL:
            check_script(block.body)
            return f"checked: commands; not executed: {block.reason}"
        return f"not executed: {block.reason}"
    if block.page.startswith(GENERATED) and block.language == "text":
        return "generated"
    if (block.page in PLAYED and is_played(block)) or block.body.startswith(ASKED):
        return "executed"
    if block.language in SHELL:
        check_script(block.body)
        return "checked: commands"
    if block.language == "crontab":
        check_script(block.body.split(maxsplit=5)[5])
        return "checked: commands"
    if block.language == "yaml":
        return f"checked: {check_yaml(block.body, block.place)}"
    if block.language in EDITED:
        return f"checked: {check_line_markers(block.body)}"
    if block.language == UNITS:
        return "checked: units"
    raise Wrong("it is neither executed nor checked: say why, in <!-- not executed: reason --> above it")


def judge_all(pages: Iterable[str] | None = None) -> tuple[Counter[str], list[str]]:
    """Return how many blocks met which fate, and what is wrong with which block."""
    fates: Counter[str] = Counter()
    wrong = []
    for page in pages or all_pages():
        for block in blocks_of(page):
            try:
                fates[judge(block)] += 1
            except Wrong as error:
                wrong.append(f"{block.place}: {error}")
    return fates, wrong
