"""Command lines that pages show and nobody runs: programs are known, as are verbs and flags of tagline and kubectl.

tagline's are read by its own grammars. Of kubectl the verbs that pages use are listed with their flags,
and Helm's in `hack.pages.helmlines`.
"""

import io
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Final

from api.kinds import EVERY_KIND
from cli.grammar.run import parse
from cli.grammar.tree import Command, find
from cli.main import CLUSTER_VERBS, VERBS, build_parser, build_root
from hack.pages import helmlines
from hack.reference.commands import existing

PASSED_OVER: Final = frozenset(
    {
        "cat",
        "docker",
        "echo",
        "export",
        "flux",
        "gh",
        "git",
        "gpg",
        "pip",
        "source",
        "ssh-keygen",
        "ssh-keyscan",
        "Out-String",
        "Invoke-Expression",
    }
)
"""Programs of others, whose command lines are not read."""
OWN_TESTS: Final = frozenset({"make", ".venv/bin/python", ".venv/bin/pytest", ".venv/bin/tagline", "hack/kind.sh"})
"""Programs of the repository, of which `hack/docs_test.py` looks after targets, modules and paths."""

_KUBECTL: Final[Mapping[str, frozenset[str]]] = {
    "annotate": frozenset({"-n", "--overwrite", "--all"}),
    "apply": frozenset({"-f", "-k", "--server-side"}),
    "create": frozenset(
        {"-n", "--docker-server", "--docker-username", "--docker-password", "--from-literal", "--from-file"}
    ),
    "delete": frozenset({"-n", "-l"}),
    "describe": frozenset({"-n"}),
    "diff": frozenset({"-f"}),
    "exec": frozenset({"-n"}),
    "get": frozenset({"-n", "-A", "-o", "--watch"}),
    "label": frozenset({"-n", "--overwrite"}),
    "logs": frozenset({"-n"}),
    "patch": frozenset({"-n", "--type", "-p"}),
    "wait": frozenset({"-n", "--for", "--timeout"}),
}
_KUBECTL_KINDS: Final = frozenset(
    {"application", "clusterrole", "clusterrolebinding", "crd", "deployment", "namespace", "secret", "pod", "pods"}
    | {name for kind in EVERY_KIND for name in (kind.name, kind.resource.plural, *kind.definition.short_names)}
)
_ABOUT_A_KIND: Final = frozenset({"annotate", "delete", "describe", "get", "label", "patch", "wait", "create"})
_SEPARATORS: Final = frozenset({"|", "||", "&&", ";", "&", "(", ")", "<("})
_REDIRECTIONS: Final = frozenset({">", ">>", "<", "2>", ">&", "2>&"})


class Wrong(Exception):
    """A command line that would not be understood; the text says why."""


def check_script(script: str) -> None:
    """Check every command of some lines of shell. Raises Wrong."""
    for words in commands_in(script):
        check_command(words)


def commands_in(script: str) -> Iterator[list[str]]:
    """Yield the commands of some lines of shell: words without variables before them and redirections behind."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        yield from _split(list(lexer))


def _split(tokens: Sequence[str]) -> Iterator[list[str]]:
    words: list[str] = []
    rest = iter([*tokens, ";"])
    for token in rest:
        if token in _REDIRECTIONS:
            if words and words[-1] == "2":  # 2>&1
                words.pop()
            next(rest, None)
        elif token in _SEPARATORS:
            if words:
                yield words
            words = []
        elif words or not re.match(r"[A-Z_]+=", token):
            words.append(token)


def check_command(words: Sequence[str]) -> None:
    """Check one command. Raises Wrong."""
    program, *arguments = words
    if program == "tagline":
        _check_tagline(arguments)
    elif program == "kubectl":
        _check_kubectl(arguments)
    elif program == "helm":
        if problem := helmlines.problem(arguments):
            raise Wrong(problem)
    elif program not in PASSED_OVER | OWN_TESTS:
        raise Wrong(f"nobody knows the program {program!r}")


def _check_tagline(arguments: list[str]) -> None:
    verb = arguments[0] if arguments else ""
    if verb in existing(VERBS):
        with redirect_stderr(io.StringIO()) as errors, redirect_stdout(io.StringIO()):
            try:
                build_parser(verb).parse_args(arguments)
            except SystemExit as error:
                if error.code:
                    raise Wrong(errors.getvalue().strip().rpartition("\n")[2]) from None
    elif verb in existing(CLUSTER_VERBS):
        found = find(build_root(), arguments)
        if "--help" in arguments and not found.unknown:
            return
        if found.unknown or not isinstance(found.node, Command):
            raise Wrong(f"tagline {' '.join(arguments)}: no such command")
        try:
            parse(found, found.node)
        except Exception as error:
            raise Wrong(str(error)) from error
    elif arguments != ["--version"]:
        raise Wrong(f"tagline has no verb {verb!r}")


def _check_kubectl(arguments: list[str]) -> None:
    verb, *rest = arguments
    if verb not in _KUBECTL:
        raise Wrong(f"kubectl {verb} is not among the verbs that pages use")
    if verb == "exec" and "--" in rest:
        rest = rest[: rest.index("--")]
    flags = {word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"}
    if unknown := flags - _KUBECTL[verb]:
        raise Wrong(f"kubectl {verb} does not take {', '.join(sorted(unknown))}")
    kind = re.split(r"[./]", next((word for word in rest if not word.startswith("-")), ""))[0]
    if verb in _ABOUT_A_KIND and not set(kind.split(",")) <= _KUBECTL_KINDS:
        raise Wrong(f"kubectl {verb}: {kind!r} is no kind")
