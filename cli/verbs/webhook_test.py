"""`cli.hooks`: what `tagline webhook test` and `tagline receiver setup` print."""

import hashlib
import hmac
import io
import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from controllers.webhooks.senders.table import SENDERS

TOKEN = "correct horse"
HUB = {"push_data": {"tag": "1.2.3", "pushed_at": 1417566161}, "repository": {"repo_name": "org/app"}}
HARBOR = {
    "type": "PUSH_ARTIFACT",
    "event_data": {"resources": [{"tag": "1.2.3", "resource_url": "harbor.example.com/lib/app:1.2.3"}]},
}
Capture = pytest.CaptureFixture[str]


def body(folder: Path, payload: Any) -> str:
    (folder / "body.json").write_text(json.dumps(payload))
    return str(folder / "body.json")


def test_push_of_a_listed_image_wakes_it(tmp_path: Path, capsys: Capture) -> None:
    images = ["--image", "org/app,ghcr.io/org/app", "--image", "ghcr.io/org/other"]
    argv = ["webhook", "test", "dockerhub", body(tmp_path, HUB), *images, "--now", "2014-12-03T01:00:00Z"]
    assert main(argv) == 0
    assert capsys.readouterr().out == (
        "type      dockerhub (Docker Hub)\n"
        "known by  the path of its hook alone\n"
        "delivery  sent 2014-12-03T00:22:41Z\n"
        "wakes     org/app (tag 1.2.3)\n"
        "answer    200\n"
    )


def test_without_images_those_of_the_events_are_named(tmp_path: Path, capsys: Capture) -> None:
    assert main(["webhook", "test", "dockerhub", body(tmp_path, HUB)]) == 0
    shown = capsys.readouterr().out
    assert "wakes     index.docker.io/org/app (tag 1.2.3)\n" in shown
    assert "a receiver ignores it when it is older than 24 h, which it is here" in shown


def test_event_of_another_image_wakes_nothing_and_says_why(tmp_path: Path, capsys: Capture) -> None:
    assert main(["webhook", "test", "harbor", body(tmp_path, HARBOR), "--image", "ghcr.io/org/app"]) == 1
    shown = capsys.readouterr().out
    assert "ignored   harbor.example.com/lib/app:1.2.3: no ImageRepository in scope has this image\n" in shown
    assert "known by  not verified: no secret was given (--secret-file, --token-env)\n" in shown


def test_ping_wakes_nothing(tmp_path: Path, capsys: Capture) -> None:
    argv = ["webhook", "test", "github", "--header", "X-GitHub-Event: ping", body(tmp_path, {"zen": "x"})]
    assert main(argv) == 1
    assert "ignored   ping\nanswer    200\n" in capsys.readouterr().out


def test_what_happens_to_code_wakes_automations(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "merged.json"
    file.write_text(json.dumps({"action": "closed", "pull_request": {"merged": True}}))
    command = ["webhook", "test", "github", str(file), "--header", "X-GitHub-Event: pull_request"]
    assert main(command) == 0
    assert "wakes     ImageUpdateAutomations that the Receiver lists (a run)\n" in capsys.readouterr().out
    assert main([*command, "--image", "ghcr.io/org/web"]) == 1
    said = "ignored   a pull request was closed, which wakes ImageUpdateAutomations alone\n"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("key", "status"), [(TOKEN, 0), ("other", 2)])
def test_signature_is_verified_with_the_token_of_a_file(key: str, status: int, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    path = body(tmp_path, {"image": "ghcr.io/org/app", "tag": "1"})
    signature = hmac.new(key.encode(), Path(path).read_bytes(), hashlib.sha256).hexdigest()
    argv = [
        "webhook", "test", "generic-hmac", path, "--header", f"X-Signature: sha256={signature}",
        "--secret-file", str(tmp_path / "token"), "--image-expression", "req.image", "--tag-expression", "req.tag",
    ]  # fmt: skip
    assert main(argv) == status
    shown = capsys.readouterr().out
    assert TOKEN not in shown
    if status:
        assert "refused   InvalidSignature: the signature does not fit the body and the receiver's token\n" in shown
    else:
        assert "known by  signature\nwakes     ghcr.io/org/app (tag 1)\n" in shown


def test_token_may_be_in_the_environment_and_a_secret_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)
    argv = ["webhook", "test", "harbor", body(tmp_path, HARBOR), "--header", f"Authorization: {TOKEN}"]
    assert main([*argv, "--token-env", "HOOK_TOKEN"]) == 0
    folder = tmp_path / "secret"
    folder.mkdir()
    (folder / "token").write_text("x")
    (folder / "password").write_text(TOKEN)
    hub = ["webhook", "test", "dockerhub", body(tmp_path, HUB), "--secret-file", str(folder)]
    assert main([*hub, "--query", "token=correct%20horse"]) == 0
    assert main(hub) == 2
    assert "refused   MissingToken" in capsys.readouterr().out


def test_json_says_the_same(tmp_path: Path, capsys: Capture) -> None:
    path = body(tmp_path, HARBOR)
    assert main(["webhook", "test", "harbor", path, "--image", "harbor.example.com/lib/app", "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["wakes"]) == (200, [{"image": "harbor.example.com/lib/app", "tags": ["1.2.3"]}])
    (tmp_path / "body.json").write_text("[")
    assert main(["webhook", "test", "harbor", path, "-o", "json"]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["refused"]["reason"], shown["wakes"]) == (400, "InvalidPayload", [])


def test_body_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(HUB).encode())))
    assert main(["webhook", "test", "dockerhub", "-"]) == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b" " * 4_000_000)))
    assert main(["webhook", "test", "dockerhub", "-"]) == 2
    assert "answer    413\n" in capsys.readouterr().out


def test_sender_that_names_no_host_wakes_the_path_of_the_registry(tmp_path: Path, capsys: Capture) -> None:
    nexus = {"action": "CREATED", "component": {"format": "docker", "name": "app", "version": "1"}}
    path = body(tmp_path, nexus)
    assert main(["webhook", "test", "nexus", path]) == 0
    assert main(["webhook", "test", "nexus", path, "--registry", "nexus.example.com:8083"]) == 0
    shown = capsys.readouterr().out
    assert "wakes     any host/app (tag 1)\n" in shown
    assert "wakes     nexus.example.com:8083/app (tag 1)\n" in shown


def test_names_of_strangers_command_no_terminal(tmp_path: Path, capsys: Capture) -> None:
    payload = {**HUB, "repository": {"repo_name": "org/\x1b[31mapp\nanswer    200"}}
    assert main(["webhook", "test", "dockerhub", body(tmp_path, payload)]) == 1
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.count("\nanswer ") == 1


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param([], "a type is required", id="no-type"),
        pytest.param(["dockerhub"], "one file with the body is required, - is standard input", id="no-file"),
        pytest.param(["gitae", "x"], 'the type gitae is not known; did you mean "gitea"?', id="unknown-type"),
        pytest.param(
            ["quay", "/nonexistent/x"], "cannot read /nonexistent/x: no such file or directory", id="no-such-file"
        ),
        pytest.param(["quay", "-", "--header", "x"], "--header is `Name: value`", id="header"),
        pytest.param(
            ["quay", "-", "--now", "now"], "--now must be a time such as 2026-11-30T07:00:00Z, not now", id="now"
        ),
        pytest.param(["quay", "-", "--token-env", "NOT_SET_HERE"], "NOT_SET_HERE of --token-env is not set", id="env"),
        pytest.param(
            ["quay", "-", "--image", "https://x/y"], "--image: image 'https://x/y' should not include", id="image"
        ),
        pytest.param(["quay", "-", "-o", "yaml"], "--output must be text or json, not yaml", id="output"),
        pytest.param(["gcr", "-", "--jwks", "/nonexistent/x"], "cannot read /nonexistent/x of --jwks", id="jwks"),
    ],
)
def test_what_cannot_be_carried_out_says_why(argv: list[str], message: str, capsys: Capture) -> None:
    assert main(["webhook", "test", *argv]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("keys", ["[" * 200_000, "{", "\xff"])
def test_keys_that_are_no_json_are_said(keys: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "keys").write_text(keys, encoding="latin-1")
    assert main(["webhook", "test", "gcr", body(tmp_path, {}), "--jwks", str(tmp_path / "keys")]) == 1
    assert capsys.readouterr().err == f"✗ {tmp_path / 'keys'} of --jwks is not JSON\n"


@pytest.mark.parametrize("type", [sender.type for sender in SENDERS])
def test_setup_says_where_the_url_goes(type: str, capsys: Capture) -> None:
    assert main(["receiver", "setup", type, "--host", "hooks.example.com"]) == 0
    shown = capsys.readouterr().out
    assert f"(type: {type})\nWhere: " in shown
    assert "https://hooks.example.com/hook/PATH" in shown
    assert "PATH: what follows /hook/ in the Receiver's .status.webhookPath\n" in shown
    assert "{url}" not in shown
    assert "{secret}" not in shown


def test_setup_computes_the_path_and_prints_no_token(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)
    argv = [
        "receiver",
        "setup",
        "ghcr",
        "--name",
        "apps",
        "-n",
        "flux-system",
        "--token-env",
        "HOOK_TOKEN",
        "-o",
        "json",
    ]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    digest = hashlib.sha256(f"{TOKEN}appsflux-system".encode()).hexdigest()
    assert json.loads(shown)["url"] == f"https://HOST/hook/{digest}"
    assert TOKEN not in shown


def test_setup_needs_no_token_for_the_path_of_a_type_without_one(capsys: Capture) -> None:
    assert main(["receiver", "setup", "generic-oidc", "--host", "h.example.com", "--name", "ci", "-n", "apps"]) == 0
    shown = capsys.readouterr().out
    assert f"POST JSON to https://h.example.com/hook/{hashlib.sha256(b'ciapps').hexdigest()}\n" in shown
    assert "PATH" not in shown


@pytest.mark.parametrize("command", [["webhook", "test"], ["receiver", "setup"]])
def test_types_are_completed(command: list[str], capsys: Capture) -> None:
    assert main(["__complete", *command, "har"]) == 0
    assert capsys.readouterr().out.startswith("harbor\tHarbor\n")
