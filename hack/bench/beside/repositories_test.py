import subprocess
from pathlib import Path

from hack.bench.beside import repositories
from hack.githttp import ENVIRONMENT, GIT


def change(bare: repositories.Bare, text: str) -> None:
    """Put another commit on the branch."""
    stream = "commit refs/heads/main\ncommitter t <t@example.com> 1700000001 +0000\ndata 0\nfrom refs/heads/main^0\n"
    stream += f"M 100644 inline a.yaml\ndata {len(text)}\n{text}\n"
    subprocess.run(
        [GIT, "-C", str(bare.path), "fast-import", "--quiet"], input=stream.encode(), env=ENVIRONMENT, check=True
    )


async def test_commit_on_every_branch_is_noticed_and_its_lines_counted(tmp_path: Path) -> None:
    made = repositories.make(tmp_path / "one.git", iter([("a.yaml", "image: app:1.0.0 # x\n"), ("b.yaml", "b: 1\n")]))
    both = [made, repositories.copy(made, tmp_path / "two.git")]
    before = {bare: bare.head() for bare in both}
    assert [bare.count_lines("/app:1.1.0 ") for bare in both] == [0, 0]
    for bare in both:
        change(bare, "image: org/app:1.1.0 # x\n")
    await repositories.wait_for_commits(before)
    assert [bare.count_lines("/app:1.1.0 ") for bare in both] == [1, 1]


def test_configuration_is_what_git_reads(tmp_path: Path) -> None:
    bare = repositories.make(tmp_path / "one.git", iter([("a.yaml", "a: 1\n")]))
    for name, value in repositories.CONFIGURATION.items():
        found = subprocess.run([GIT, "-C", str(bare.path), "config", name], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == value
