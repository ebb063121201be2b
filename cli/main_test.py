"""The grammar, `tagline version` and `tagline run`."""

import subprocess
import sys
from pathlib import Path

import pytest

from api.kinds import EVERY_PROCESS
from api.version import VERSION
from cli.main import CLUSTER_VERBS, VERBS, main

CLIENTS = {
    "aiohttp", "azure", "botocore", "dulwich", "google", "h11", "httpcore", "httpx", "kubernetes", "paramiko",
    "pysequoia", "requests", "urllib3",
}  # fmt: skip
"""HTTP clients, Git, and what logs in to clouds and clusters."""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--client"]) == 0
    assert capsys.readouterr().out == f"tagline: v{VERSION}\n"


def test_every_verb_is_a_module() -> None:
    modules = (Path(__file__).parent / "verbs").glob("*.py")
    assert {*VERBS, *CLUSTER_VERBS} == {path.stem for path in modules if not path.stem.endswith(("_test", "__"))}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: tagline {verb} ")


@pytest.mark.parametrize(
    "command",
    ["--help", *(f"{verb} --help" for verb in VERBS), "policy test --semver * 1.0.0",
     "adopt --offline .", "lint .", "version --client"],
)  # fmt: skip
def test_no_client_is_loaded_before_it_is_needed(command: str, tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("kind: Pod\nspec: {image: ghcr.io/org/app:1.0.0}\n")
    script = (
        "import sys\nfrom cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: sys.stderr.write(' '.join(name.partition('.')[0] for name in sys.modules))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script, *command.split()], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert "cli" in done.stderr.split()
    assert set(done.stderr.split()) & CLIENTS == set()


@pytest.mark.parametrize("argv", [["policy"], ["run"], ["run", "gitrepository"], ["run", "imagepolicy,"]], ids=" ".join)
def test_unknown_commands_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: tagline" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [kind.name for kind in EVERY_PROCESS])
def test_run_hands_the_flags_to_the_controller(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", kind, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: python -m controllers.{kind} ")
    assert "--leader-election-lease-duration" in shown


def test_run_knows_the_flags_of_one_kind_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "imagerepository", "--registry-max-rate", "x"]) == 2
    assert "for flag --registry-max-rate" in capsys.readouterr().err
    assert main(["run", "imageupdateautomation", "--registry-max-rate", "x"]) == 2
    assert "unknown flag: --registry-max-rate" in capsys.readouterr().err


def test_several_kinds_share_a_process_and_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ",".join(kind.name for kind in EVERY_PROCESS)
    assert main(["run", kinds, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: tagline run {kinds} ")
    assert shown.count("--registry-max-rate\n") == shown.count("--ssh-kex-algos\n") == 1
    gates = "GitForcePushBranch=false,ObjectLevelWorkloadIdentity=true"
    assert main(["run", kinds, "--feature-gates", gates, "--registry-max-rate", "x"]) == 2
    assert "for flag --registry-max-rate" in capsys.readouterr().err


def test_run_names_no_kind_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "imagepolicy,imagepolicy"])
    assert "imagepolicy is there twice" in capsys.readouterr().err


def test_run_ends_as_the_controller_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "imagepolicy", "--concurrent", "0"]) == 2
    assert capsys.readouterr().err == "invalid value '0' for flag --concurrent: want at least 1\n"
