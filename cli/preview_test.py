"""`cli.verbs.preview`: checkouts with manifests, lists of tags in files, no network."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cli.main import main
from hack.githttp import ENVIRONMENT, GIT

AUTHORS = {f"GIT_{who}_{what}": f"a@{who}.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

DEPLOYMENT = """\
kind: Deployment
metadata: {name: web}
spec:
  image: ghcr.io/org/web:1.0.0 # {"$imagepolicy": "flux-system:web"}
"""
OBJECTS = """\
apiVersion: image.toolkit.fluxcd.io/v1beta1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: ghcr.io/org/web, interval: 1m}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: all, namespace: flux-system}
spec:
  interval: 5m
  sourceRef: {kind: GitRepository, name: fleet}
  git:
    commit: {author: {email: bot@example.com}, messageTemplate: "{{range .Updated.Images}}{{println .}}{{end}}"}
    push: {branch: updates}
  update: {path: ./apps, strategy: Setters}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {url: "ssh://git@git.example.com/org/fleet.git", interval: 1m, ref: {branch: main}}
"""

SHOWN = """\
ImagePolicy flux-system/web: ghcr.io/org/web:1.2.0
  apps/web.yaml:4: ghcr.io/org/web:1.0.0 → ghcr.io/org/web:1.2.0
  why: Latest image tag for ghcr.io/org/web resolved to 1.2.0
  not chosen: 2.0.0 is outside the range; 1.1.0 ranks below the chosen tag; 1.0.0 ranks below the chosen tag

ImageUpdateAutomation flux-system/all would push to branch updates of ssh://git@git.example.com/org/fleet.git

    ghcr.io/org/web:1.2.0

diff --git a/apps/web.yaml b/apps/web.yaml
--- a/apps/web.yaml
+++ b/apps/web.yaml
@@ -1,4 +1,4 @@
 kind: Deployment
 metadata: {name: web}
 spec:
-  image: ghcr.io/org/web:1.0.0 # {"$imagepolicy": "flux-system:web"}
+  image: ghcr.io/org/web:1.2.0 # {"$imagepolicy": "flux-system:web"}

"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "fleet"
    write(root, {"apps/web.yaml": DEPLOYMENT, "clusters/objects.yaml": OBJECTS})
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", "https://git.example.com/org/fleet")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Start")
    return root


@pytest.fixture
def run(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    (tmp_path / "web.txt").write_text("1.0.0\n1.2.0\n1.1.0\n2.0.0\n")

    def call(*argv: object) -> tuple[int, str, str]:
        tags = f"--tags=ghcr.io/org/web={tmp_path / 'web.txt'}"
        status = main(["preview", "--offline", tags, *map(str, argv)])
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    return call


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [GIT, "-C", str(folder), *arguments], input=stdin.encode(), capture_output=True, check=True,
        env=ENVIRONMENT | AUTHORS,
    )  # fmt: skip
    return done.stdout.decode()


def test_it_shows_the_choice_the_reason_the_message_and_the_diff(checkout: Path, run: Run) -> None:
    status, out, err = run(checkout)
    assert (status, err) == (0, "")
    assert out == SHOWN


def test_git_applies_what_it_prints(checkout: Path, run: Run) -> None:
    _, out, _ = run(checkout)
    git(checkout, "apply", stdin=out)
    assert (checkout / "apps" / "web.yaml").read_text() == DEPLOYMENT.replace(":1.0.0", ":1.2.0")
    status, out, _ = run(checkout, "--exit-code")
    assert (status, "has nothing to push" in out, "diff" in out) == (0, True, False)


def test_it_changes_nothing(checkout: Path, run: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in checkout.rglob("*")}
    run(checkout)
    assert {path: path.stat().st_mtime_ns for path in checkout.rglob("*")} == before


def test_a_script_learns_from_the_exit_status_that_something_would_change(checkout: Path, run: Run) -> None:
    assert run(checkout, "--exit-code")[0] == 2


def test_a_change_that_is_not_committed_yet_counts(checkout: Path, run: Run) -> None:
    write(checkout, {"apps/web.yaml": DEPLOYMENT.replace("1.0.0", "1.2.0")})
    assert run(checkout, "--exit-code")[0] == 0


def test_a_folder_inside_the_checkout_means_the_checkout(
    checkout: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout / "apps")
    assert "apps/web.yaml:4" in run()[1]


def test_manifests_may_be_elsewhere_and_a_plain_folder_will_do(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"folder/apps/web.yaml": DEPLOYMENT, "objects.yaml": OBJECTS})
    status, out, _ = run(tmp_path / "folder", "-f", tmp_path / "objects.yaml")
    assert (status, "+  image: ghcr.io/org/web:1.2.0" in out) == (0, True)


def test_a_repository_is_cloned_from_its_url(checkout: Path, run: Run) -> None:
    git(checkout, "remote", "remove", "origin")
    status, out, err = run("--url", checkout.as_uri(), "--branch", "main")
    assert (status, err) == (0, "")
    # Its remote is the folder, so the automation is about another repository.
    assert "note: ImageUpdateAutomation flux-system/all writes to another repository" in out


def test_an_automation_of_another_repository_is_left_out_and_said(checkout: Path, run: Run) -> None:
    git(checkout, "remote", "set-url", "origin", "git@git.example.com:org/other.git")
    status, out, _ = run(checkout)
    assert (status, "diff" in out) == (0, False)
    assert out.endswith("note: ImageUpdateAutomation flux-system/all writes to another repository\n")


def test_json_has_everything(checkout: Path, run: Run) -> None:
    report = json.loads(run(checkout, "-o", "json")[1])
    assert (report["changed"], report["failed"], report["problems"]) == (True, False, [])
    assert report["policies"][0]["image"] == "ghcr.io/org/web:1.2.0"
    assert report["policies"][0]["runnersUp"][0] == {"tag": "2.0.0", "reason": "is outside the range"}
    (automation,) = report["automations"]
    assert automation["changes"] == [
        {
            "file": "apps/web.yaml", "line": 4, "old": "ghcr.io/org/web:1.0.0", "new": "ghcr.io/org/web:1.2.0",
            "policy": "flux-system/web",
        }
    ]  # fmt: skip
    assert automation["message"] == "ghcr.io/org/web:1.2.0\n"


def test_github_gets_annotations_and_markdown_a_table(checkout: Path, run: Run) -> None:
    write(checkout, {"apps/bad.yaml": 'a: b # {"$imagepolicy": "flux-system:none"}\n'})
    assert run(checkout, "-o", "github")[1].splitlines() == [
        (
            "::notice file=apps/web.yaml,line=4::flux-system/web would replace ghcr.io/org/web:1.0.0 by "
            "ghcr.io/org/web:1.2.0"
        ),
        (
            "::warning file=apps/bad.yaml,line=1::the marker names ImagePolicy 'flux-system:none', which does not "
            "exist; create it or correct the marker"
        ),
    ]
    markdown = run(checkout, "-o", "markdown")[1]
    assert "| `flux-system/web` | `apps/web.yaml:4` | `ghcr.io/org/web:1.0.0` | `ghcr.io/org/web:1.2.0` |" in markdown
    assert "```diff\n" in markdown


def test_an_image_whose_tags_are_unknown_is_a_failure_that_says_what_to_do(checkout: Path, run: Run) -> None:
    write(checkout, {"clusters/objects.yaml": OBJECTS.replace("image: ghcr.io/org/web,", "image: ghcr.io/org/app,")})
    status, out, _ = run(checkout)
    assert status == 1
    assert "not ready: " in out
    assert "problem: ImageRepository flux-system/web: " in out
    assert "ghcr.io/org/app would have to be asked; its tags can be given with --tags" in out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("interval: 1m}\n---\napiVersion: image.toolkit.fluxcd.io/v1beta2", ("interval: soon}\n---\napiVersion: "
         "image.toolkit.fluxcd.io/v1beta2"), "clusters/objects.yaml:1: ImageRepository flux-system/web: "),
        ("range: 1.x", "range: one", "not ready: "),
        ("path: ./apps", "path: ./none", "would do nothing: there is no none in"),
        ("{{range .Updated.Images}}", "{{range .Updated.Image}}", "would do nothing: "),
        ("kind: GitRepository, name: fleet", "kind: Bucket, name: fleet", ("clusters/objects.yaml:11: "
         "ImageUpdateAutomation flux-system/all: ")),
    ],
)  # fmt: skip
def test_what_cannot_work_is_named_and_the_rest_is_answered(
    checkout: Path, run: Run, old: str, new: str, said: str
) -> None:
    assert old in OBJECTS
    write(checkout, {"clusters/objects.yaml": OBJECTS.replace(old, new)})
    status, out, _ = run(checkout)
    assert status == 1
    assert said in out


def test_a_folder_without_objects_is_a_wrong_request(tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty").mkdir()
    status, out, err = run(tmp_path / "empty")
    assert (status, out) == (2, "")
    assert err.startswith(f"there are no image policies and no automations in {tmp_path}/empty: name their files")
    assert run(tmp_path / "none")[0] == 2


def test_no_colours_in_a_pipe_and_no_log_lines_on_stderr(checkout: Path, run: Run) -> None:
    _, out, err = run(checkout)
    assert "\033" not in out
    assert err == ""
    assert "NO_COLOR" not in os.environ


def test_one_image_is_looked_up_without_any_object(tmp_path: Path, run: Run) -> None:
    files = {
        "values.yaml": "image:\n  repository: ghcr.io/org/web\n  tag: '1.0.0' # the release\n",
        "web.yaml": DEPLOYMENT,
        "other.yaml": "kind: Pod\nspec:\n  containers:\n  - {name: a, image: ghcr.io/org/other:1.0.0}\n",
        "chart/templates/x.yaml": "image: ghcr.io/org/web:1.0.0\n{{ if x }}\n",
    }
    write(tmp_path / "fleet", files)
    status, out, err = run(tmp_path / "fleet", "--image", "ghcr.io/org/web", "--semver", ">=1.0.0", "--exit-code")
    assert (status, err) == (2, "")
    assert out.startswith("ImagePolicy ghcr.io/org/web: ghcr.io/org/web:2.0.0\n")
    git(tmp_path / "fleet", "apply", stdin=out)
    assert (tmp_path / "fleet" / "values.yaml").read_text() == files["values.yaml"].replace("1.0.0", "2.0.0")
    assert (tmp_path / "fleet" / "web.yaml").read_text() == files["web.yaml"].replace("1.0.0", "2.0.0")
    assert (tmp_path / "fleet" / "other.yaml").read_text() == files["other.yaml"]
    assert "cannot be edited: chart/templates/x.yaml:1: Helm template: " in out


def test_what_is_left_out_of_the_search_for_an_image_is_said(tmp_path: Path, run: Run) -> None:
    write(tmp_path / "fleet", {"web.yaml": DEPLOYMENT})
    for name, text in (("web", b"image: ghcr.io/org/web:1.0.0\n"), ("other", b"image: ghcr.io/org/other:1.0.0\n")):
        with (tmp_path / "fleet" / f"huge-{name}.yaml").open("wb") as file:
            file.write(text)
            file.truncate(11 << 20)
    os.mkfifo(tmp_path / "fleet" / "pipe.yaml")
    for output in ("text", "json", "markdown", "github"):
        status, out, _ = run(tmp_path / "fleet", "--image", "ghcr.io/org/web", "--semver", "*", "-o", output)
        assert status == 1
        assert "huge-web.yaml: left out: larger than 10 MiB" in out
        assert "huge-other" not in out


@pytest.mark.parametrize("output", ["json", "markdown", "github"])
def test_every_output_says_where_an_image_cannot_be_edited(tmp_path: Path, run: Run, output: str) -> None:
    template = "image: ghcr.io/org/web:1.0.0\n{{ if x }}\n"
    write(tmp_path / "fleet", {"web.yaml": DEPLOYMENT, "chart/templates/x.yaml": template})
    _, out, _ = run(tmp_path / "fleet", "--image", "ghcr.io/org/web", "--semver", "*", "-o", output)
    assert "Helm template: " in out
    assert "would push" not in out
    match output:
        case "json":
            (trial,) = json.loads(out)["automations"]
            (obstacle,) = trial["obstacles"]
            assert (obstacle["file"], obstacle["line"]) == ("chart/templates/x.yaml", 1)
        case "markdown":
            assert "\n- cannot be edited: chart/templates/x.yaml:1: Helm template: " in out
            assert "```\n\n```" not in out
        case _:
            assert "::warning file=chart/templates/x.yaml,line=1::ghcr.io/org/web cannot be edited here: Helm" in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--semver", "*"], "--semver has an effect only with --image"),
        (["--numerical", "asc"], "--numerical has an effect only with --image"),
        (["--pattern", "x"], "--pattern has an effect only with --image"),
        (["--extract", "$x"], "--extract has an effect only with --image"),
        (["--branch", "main"], "--branch has an effect only with --url"),
        (["apps", "--url", "https://git.example.com/x"], "give either PATH or --url"),
        (["--image", "a", "--semver", "*", "-f", "x.yaml"], "-f has an effect only without --image"),
        (["--image", "a", "--semver", "*", "--cluster"], "--cluster has an effect only without --image"),
        (["--kubeconfig", "x"], "--kubeconfig has an effect only with --cluster"),
        (["--cluster", "--tags", "a=x.txt"], "--tags has an effect only without --cluster"),
    ],
    ids=str,
)
def test_an_option_without_effect_is_a_wrong_request(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", *argv]) == 2
    assert capsys.readouterr().err == f"{said}\n"
    assert main(["preview", "--exit-code", *argv]) == 1


def test_one_image_needs_a_way_to_choose(tmp_path: Path, run: Run) -> None:
    status, _, err = run(tmp_path, "--image", "ghcr.io/org/web")
    assert status == 2
    assert err == "say how to choose among the tags, for example --semver '>=1.0.0' or --numerical asc\n"


def test_a_repository_that_was_adopted_is_previewed_at_once(
    tmp_path: Path, run: Run, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    root = tmp_path / "fleet"
    write(
        root,
        {
            "apps/web.yaml": DEPLOYMENT.partition(" # {")[0] + "\n",
            "charts/values.yaml": "image:\n  repository: ghcr.io/org/web\n  tag: 1.1.0\n",
        },
    )
    git(root, "init", "-q", "-b", "main")
    tags = f"--tags=ghcr.io/org/web={tmp_path / 'web.txt'}"
    assert main(["adopt", str(root), "--write", "--offline", tags]) == 0
    capfdbinary.readouterr()
    status, out, err = run(root)
    assert (status, err) == (0, ""), out
    assert "left alone" not in out
    assert "+  tag: 1.2.0 # " in out
    git(root, "apply", stdin=out)
    assert run(root, "--exit-code")[0] == 0


def test_a_suspended_automation_is_shown_and_said_to_be_suspended(checkout: Path, run: Run) -> None:
    write(checkout, {"clusters/objects.yaml": OBJECTS.replace("interval: 5m", "suspend: true\n  interval: 5m")})
    _, out, _ = run(checkout)
    assert "+  image: ghcr.io/org/web:1.2.0" in out
    assert "ImageUpdateAutomation flux-system/all is suspended: it pushes nothing until somebody resumes it\n" in out


def test_an_automation_without_spec_git_would_do_nothing(checkout: Path, run: Run) -> None:
    before, _, rest = OBJECTS.partition("  git:\n")
    objects = f"{before}  update:{rest.partition('  update:')[2]}"
    write(checkout, {"clusters/objects.yaml": objects})
    status, out, _ = run(checkout)
    assert (status, "diff" in out) == (1, False)
    assert "flux-system/all would do nothing: it has no spec.git, which says as whom to commit and where to" in out


@pytest.mark.parametrize("output", ["text", "markdown", "json", "github"])
def test_the_password_of_a_url_is_not_shown(checkout: Path, run: Run, output: str) -> None:
    url = "https://bot:s3cret@git.example.com/org/fleet"
    write(checkout, {"clusters/objects.yaml": OBJECTS.replace("ssh://git@git.example.com/org/fleet.git", url)})
    status, out, err = run(checkout, "-o", output)
    assert (status, "ghcr.io/org/web:1.2.0" in out) == (0, True)
    assert "s3cret" not in out + err


def test_a_push_branch_that_exists_is_what_a_run_goes_on_from(checkout: Path, run: Run) -> None:
    git(checkout, "update-ref", "refs/remotes/origin/updates", "HEAD")
    assert "note" not in run(checkout)[1]
    git(checkout, "commit", "-q", "--allow-empty", "-m", "More")
    assert run(checkout)[1].endswith(
        "note: ImageUpdateAutomation flux-system/all adds to branch updates, which exists already and is not what is "
        "checked out here: check it out to see what would be added to it\n"
    )
    git(checkout, "checkout", "-q", "--detach", "HEAD^")
    assert "note" not in run(checkout)[1]


def test_names_that_are_no_text_do_not_end_the_preview(checkout: Path, run: Run) -> None:
    write(checkout, {"apps/\udcff.yaml": DEPLOYMENT})
    for output in ("text", "json", "markdown", "github"):
        status, out, err = run(checkout, "-o", output)
        assert (status, err, "apps/" in out) == (0, "", True)


def test_git_gives_its_hooks_an_environment_and_preview_still_looks_at_the_path(
    checkout: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert run(checkout)[1] == SHOWN


def test_a_pipe_and_a_huge_file_among_the_files_are_passed_over(checkout: Path, run: Run) -> None:
    for name in ("apps/pipe.yaml", "clusters/pipe.yaml"):
        os.mkfifo(checkout / name)
    (checkout / "link.yaml").symlink_to("apps/pipe.yaml")
    for name in ("apps/huge.yaml", "clusters/huge.yaml"):
        with (checkout / name).open("wb") as file:
            file.truncate(256 << 20)  # sparse
    assert run(checkout)[1] == SHOWN


def test_a_diff_of_lines_that_are_equal_is_that_of_git(checkout: Path, run: Run) -> None:
    """Which of them changed has several right answers."""
    lines = [f'- ghcr.io/org/web:1.{n}.0 # {{"$imagepolicy": "flux-system:web"}}\n' for n in (0, 2, 1, 2, 2, 0)]
    write(checkout, {"apps/web.yaml": "images:\n" + "".join(lines)})
    git(checkout, "add", "-A")
    _, out, _ = run(checkout)
    write(checkout, {"apps/web.yaml": "images:\n" + lines[1] * 6})
    diff = "".join(line for line in git(checkout, "diff").splitlines(True) if not line.startswith("index "))
    assert diff in out


SECOND = """\
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: second, namespace: flux-system}
spec:
  interval: 5m
  sourceRef: {kind: GitRepository, name: fleet}
  git:
    commit: {author: {email: bot@example.com}, messageTemplate: "{{range .Updated.Images}}{{println .}}{{end}}"}
    push: {branch: updates}
  update: {path: ./apps, strategy: Setters}
"""
SIDECAR = """\
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: next, namespace: flux-system, labels: {for: second}}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: ">=2"}}}
"""
TWO_LINES = DEPLOYMENT + '  sidecar: ghcr.io/org/web:1.0.0 # {"$imagepolicy": "flux-system:next"}\n'


def test_automations_of_the_same_line_are_previewed_one_after_the_other(checkout: Path, run: Run) -> None:
    """The second one finds what the first one has pushed, and nothing to do."""
    write(checkout, {"clusters/objects.yaml": OBJECTS + SECOND})
    status, out, _ = run(checkout)
    assert (status, out.count("+  image: ghcr.io/org/web:1.2.0")) == (0, 1)
    assert (
        "ImageUpdateAutomation flux-system/second has nothing to push to branch updates of "
        "ssh://git@git.example.com/org/fleet.git\n  starts from what is pushed before it by: flux-system/all\n"
    ) in out
    git(checkout, "apply", stdin=out)


@pytest.mark.parametrize(
    ("branches", "after"),
    [
        (("updates", "updates"), ["flux-system/all"]),
        (("main", "updates"), ["flux-system/all"]),  # it is made from main, which has the first commit by then
        (("updates", "main"), []),
        (("updates", "others"), []),
    ],
)
def test_automations_that_push_to_one_branch_are_previewed_as_commits_on_each_other(
    checkout: Path, run: Run, branches: tuple[str, str], after: list[str]
) -> None:
    mine, rest = "policySelector: {matchExpressions: [{key: for, operator: %s}]}\n  interval: 5m", OBJECTS + SIDECAR
    first = rest.replace("interval: 5m", mine % "DoesNotExist").replace("branch: updates", f"branch: {branches[0]}")
    second = SECOND.replace("interval: 5m", mine % "Exists").replace("branch: updates", f"branch: {branches[1]}")
    write(checkout, {"apps/web.yaml": TWO_LINES, "clusters/objects.yaml": first + second})
    status, out, _ = run(checkout, "-o", "json")
    reports = {report["name"]: report for report in json.loads(out)["automations"]}
    assert (status, reports["flux-system/second"]["after"]) == (0, after)
    value = "1.2.0" if after else "1.0.0"
    diff = reports["flux-system/second"]["diff"]
    assert f'   image: ghcr.io/org/web:{value} # {{"$imagepolicy": "flux-system:web"}}\n' in diff
    if after:
        for report in reports.values():
            git(checkout, "apply", stdin=report["diff"])
        text = (checkout / "apps" / "web.yaml").read_text()
        assert text == TWO_LINES.replace("image: ghcr.io/org/web:1.0.0", "image: ghcr.io/org/web:1.2.0").replace(
            "sidecar: ghcr.io/org/web:1.0.0", "sidecar: ghcr.io/org/web:2.0.0"
        )


def test_one_automation_alone_is_previewed_from_the_files_as_they_are(checkout: Path, run: Run) -> None:
    write(checkout, {"clusters/objects.yaml": OBJECTS + SECOND})
    status, out, _ = run(checkout, "--automation", "flux-system/second")
    assert (status, out.count("+  image: ghcr.io/org/web:1.2.0"), "flux-system/all" in out) == (0, 1, False)
    status, _, err = run(checkout, "--automation", "flux-system/secnd")
    assert (status, err) == (
        2,
        "there is no ImageUpdateAutomation flux-system/secnd: did you mean flux-system/second?\n",
    )


def test_what_is_suspended_pushes_nothing_that_others_would_find(checkout: Path, run: Run) -> None:
    suspended = OBJECTS.replace("interval: 5m", "suspend: true\n  interval: 5m")
    write(checkout, {"clusters/objects.yaml": suspended + SECOND})
    _, out, _ = run(checkout)
    assert (out.count("+  image: ghcr.io/org/web:1.2.0"), "starts from what is pushed" in out) == (2, False)


CRLF = {"apps/web.yaml": DEPLOYMENT.replace("\n", "\r\n"), ".gitattributes": "*.yaml eol=crlf\n"}


def test_line_ends_that_git_converts_are_those_of_the_commit(checkout: Path, run: Run) -> None:
    write(checkout, {".gitattributes": CRLF[".gitattributes"]})
    (checkout / "apps" / "web.yaml").write_bytes(CRLF["apps/web.yaml"].encode())
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "Attributes")
    _, out, _ = run(checkout)
    assert out == SHOWN
    git(checkout, "apply", stdin=out)
    assert (checkout / "apps" / "web.yaml").read_bytes() == CRLF["apps/web.yaml"].replace(":1.0.0", ":1.2.0").encode()


def test_files_and_manifests_that_are_not_checked_out_count(checkout: Path, run: Run) -> None:
    write(checkout, {"other/a.txt": "a"})
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "More")
    git(checkout, "sparse-checkout", "set", "other")
    assert not (checkout / "apps").exists()
    assert run(checkout)[1] == SHOWN
    status, out, _ = run(checkout, "--image", "ghcr.io/org/web", "--semver", "1.x")
    assert (status, "apps/web.yaml:4: ghcr.io/org/web:1.0.0 → ghcr.io/org/web:1.2.0" in out) == (0, True)


def test_a_file_in_an_encoding_of_its_own_is_previewed_as_it_is_committed(checkout: Path, run: Run) -> None:
    write(checkout, {".gitattributes": "apps/*.yaml working-tree-encoding=UTF-16\n"})
    (checkout / "apps" / "web.yaml").write_bytes(DEPLOYMENT.encode("utf-16"))
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "Encoding")
    assert run(checkout)[1] == SHOWN


def test_markers_that_a_filter_takes_away_are_left_alone_and_that_is_said(checkout: Path, run: Run) -> None:
    git(checkout, "config", "filter.secret.clean", "base64")
    git(checkout, "config", "filter.secret.smudge", "base64 -d")
    write(checkout, {".gitattributes": "apps/*.yaml filter=secret\n"})
    git(checkout, "add", "-A", "--renormalize", ".")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "Filter")
    _, out, _ = run(checkout)
    said = "  left alone: apps/web.yaml: its markers are not in what is committed, which the filter 'secret' has made\n"
    assert ("diff" in out, said in out) == (False, True)


def test_explain_looks_at_what_is_committed(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(checkout, {".gitattributes": "apps/*.yaml working-tree-encoding=UTF-16\n"})
    (checkout / "apps" / "web.yaml").write_bytes(DEPLOYMENT.encode("utf-16"))
    assert main(["explain", f"{checkout}/apps/web.yaml:4", "--offline"]) == 1
    assert "the value ghcr.io/org/web:1.0.0 has the marker flux-system:web" in capfd.readouterr().out
