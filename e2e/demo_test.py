"""`hack.demo`: without a cluster, as a newcomer runs it: nothing of this environment but Python and git."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_demo_plays_both_stories_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hack.demo"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok the commit in Git is what the preview has shown, diff and message" in done.stdout
    assert "ok an older build of main and a newer one of another branch change nothing" in done.stdout
    assert re.search(r"^  \+  tag: 1\.0\.1 # ", done.stdout, re.MULTILINE)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tagline")] == []


def test_it_needs_no_more_packages_than_its_lock_names() -> None:
    """What `make demo` installs is a list of its own, which must have everything that the demo loads."""
    names = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "demo.txt").read_text(), re.MULTILINE))
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE))
    ours = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / "demo.txt").read_text(), re.MULTILINE))
    assert {name: pinned.get(name) for name in names} == ours
    modules = "hack.demo.local", "cli.automate_run", "cli.preview_run", "cli.explain_place"
    script = (
        "import sys, importlib, importlib.metadata as m\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "for kind in ('imagerepository', 'imagepolicy', 'imageupdateautomation'):\n"
        "    importlib.import_module(f'controllers.{kind}.__main__')\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "known = m.packages_distributions()\n"
        "print(*sorted({d for top in tops for d in known.get(top, ())}))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    needed = {re.sub(r"[-_.]+", "-", name).lower() for name in loaded.stdout.split()}
    assert needed - names - {"tagline", "pip", "setuptools"} - OPTIONAL == set()


OPTIONAL = {"click", "rich", "pygments", "markdown-it-py", "mdurl"}
"""What httpx loads for its own command line where it is installed."""
