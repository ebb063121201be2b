import json
from dataclasses import replace

from cli.report import RunReport, to_json, to_text
from cli.sync import ObjectState, PolicyChoice
from controllers.gitaccess.recording import RecordedCommit
from controllers.pullrequests.recording import RecordedOffer
from controllers.runtime.key import Key

KEY = Key("apps", "app")
OLD, NEW = (PolicyChoice(KEY, "ghcr.io/org/app", tag, "") for tag in ("1.0", "1.1"))
DIFF = "diff --git a/x b/x\n-\udce4\n+b\n"
COMMIT = RecordedCommit("https://git.example.com/fleet", "c" * 40, "Update\n\nall of it", ("refs/heads/main",), DIFF)


def report(*states: ObjectState, dry_run: bool = False, unfinished: str = "") -> RunReport:
    return RunReport(states, {KEY: OLD}, {KEY: NEW}, [COMMIT], is_dry_run=dry_run, unfinished=unfinished)


READY = ObjectState("ImagePolicy", KEY, "True", "Succeeded", "resolved to 1.1")
SUSPENDED = ObjectState("ImagePolicy", KEY, "Suspended", "", "suspended")
FAILED = ObjectState("ImageRepository", KEY, "False", "AuthenticationFailed", "no such user")


def text(done: RunReport) -> str:
    return b"".join(to_text(done)).decode("utf-8", "surrogateescape")


def test_what_others_say_forges_no_line_and_moves_no_cursor() -> None:
    said = ObjectState("ImagePolicy", KEY, "False", "Failed", "no\x1b[2J\ndiff --git a/x b/x\nImagePolicy b/b: fine")
    commit = replace(COMMIT, message="Fine\x1b]0;x\x07\r\n\u202eall", url="https://me:s3cret@git.example.com/fleet")
    done = replace(report(said), commits=[commit])
    assert text(done) == (
        "ImagePolicy apps/app: FAILED: Failed: no\\x1b[2J\n    diff --git a/x b/x\n    ImagePolicy b/b: fine\n"
        "ghcr.io/org/app: 1.0 -> 1.1\n"
        f"\npushed {'c' * 40} to refs/heads/main of https://git.example.com/fleet\n"
        "    Fine\\x1b]0;x\\x07\n    \\u202eall\n"
    )
    assert "s3cret" not in to_json(done)


def test_lines_for_people() -> None:
    assert text(report(READY, FAILED)) == (
        "ImagePolicy apps/app: resolved to 1.1\n"
        "ImageRepository apps/app: FAILED: AuthenticationFailed: no such user\n"
        "ghcr.io/org/app: 1.0 -> 1.1\n"
        f"\npushed {'c' * 40} to refs/heads/main of https://git.example.com/fleet\n"
        "    Update\n\n    all of it\n"
    )
    dry = text(report(READY, dry_run=True))
    assert "\nwould push " in dry
    assert dry.endswith("\ndiff --git a/x b/x\n-\udce4\n+b\n")  # the bytes of the file
    assert text(report(unfinished="too late")).endswith("FAILED: too late\n")


def test_pull_requests() -> None:
    opened = RecordedOffer("open", "up/web", "main", "Update web", "body", 7, "https://git.example.com/pulls/7")
    wanted = RecordedOffer("open", "up/web", "main", "Update web\x1b[2J", "body")
    done = replace(report(READY), offers=(opened,))
    assert text(done).endswith(
        "\nopened pull request #7 from up/web to main: https://git.example.com/pulls/7\n    Update web\n"
    )
    dry = replace(report(READY, dry_run=True), offers=(wanted,))
    assert text(dry).endswith("\nwould open pull request from up/web to main: Update web\\x1b[2J\n")
    (offer,) = json.loads(to_json(dry))["pullRequests"]
    assert (offer["action"], offer["head"], offer["body"], offer["done"]) == ("open", "up/web", "body", False)
    assert "pullRequests" not in json.loads(to_json(report(READY)))


def test_json_for_programs() -> None:
    document = json.loads(to_json(report(READY)))
    assert document["status"] == "done"
    assert document["choices"] == [
        {
            "namespace": "apps",
            "name": "app",
            "image": "ghcr.io/org/app",
            "tag": "1.1",
            "previousTag": "1.0",
            "changed": True,
        }
    ]
    assert document["commits"][0]["pushed"] is True


def test_what_counts_as_a_failure() -> None:
    assert report(READY, SUSPENDED).is_fine
    assert not report(READY, FAILED).is_fine
    assert not report(READY, unfinished="too late").is_fine
