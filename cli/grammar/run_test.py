"""`cli.grammar`: from arguments to a command, as users of flux and kubectl type them."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, cast

import pytest

from cli.grammar.flags import COMMA_SEPARATED, Words, duration, repeated, switch, text, texts
from cli.grammar.globals import GLOBAL_FLAGS, InvalidNamespace
from cli.grammar.run import run
from cli.grammar.session import Failed, Said, Session
from cli.grammar.tree import Command, Group
from cli.interruption import INTERRUPTED
from cli.kube.client import Cluster
from controllers.golang.duration import MINUTE, SECOND
from controllers.runtime.kube.errors import Invalid, NotFound, Unauthorized
from testing.cluster import FakeCluster

Call = tuple[Session, tuple[str, ...], dict[str, Any]]


class Program:
    """A tree with one command that records how it was called."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.fails: Exception | None = None
        policy = Command(
            name="policy",
            run=self._record,
            summary="create an ImagePolicy",
            arguments="[name]",
            aliases=("pol",),
            examples="# One\ntagline create image policy app",
            flags=(
                text("--image-ref", help="name of the repository"),
                text("--order", type=Words(("asc", "desc"), "must be one of {words}"), default="asc", help="order"),
                duration("--interval", help="of its own"),
                repeated("--key", help="keys"),
                switch("-s", "--silent", help="do not ask"),
                switch("--wait", default=None, help="wait"),
            ),
        )
        strict = Command(name="check", run=self._record, summary="check", refuses_arguments=True)
        image = Group(name="image", summary="of images", children=(policy,), aliases=("images",))
        create = Group(
            name="create",
            summary="create things",
            flags=(
                switch("--export", help="print only"),
                duration("--interval", default=MINUTE, help="how often"),
                texts("--label", help="labels"),
            ),
            children=(image,),
        )
        self.root = Group(name="tagline", summary="images", flags=GLOBAL_FLAGS, children=(create, strict))

    def _record(self, session: Session, arguments: tuple[str, ...], **flags: Any) -> None:
        self.calls.append((session, arguments, flags))
        if self.fails:
            raise self.fails

    def __call__(self, *arguments: str, **environ: str) -> int:
        return run(self.root, arguments, environ=environ)

    @property
    def flags(self) -> dict[str, Any]:
        return self.calls[-1][2]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.calls[-1][1]

    @property
    def namespace(self) -> str:
        return self.calls[-1][0].namespace


@pytest.fixture
def program() -> Program:
    return Program()


Err = Callable[[], str]


@pytest.fixture
def err(capsys: pytest.CaptureFixture[str]) -> Err:
    return lambda: capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "create image policy app --image-ref=r --export",
        "create image policy --image-ref r --export app",
        "create image --export policy app --image-ref r",
        "create --export image policy app --image-ref=r",
        "-n apps create image policy --export=true app --image-ref=r",
        "create -n apps images pol app --export --image-ref=r",
        "--timeout=3s create image policy app --export=T --image-ref r --verbose",
    ],
)
def test_flags_stand_anywhere(words: str, program: Program) -> None:
    assert program(*words.split()) == 0
    assert program.arguments == ("app",)
    assert (program.flags["export"], program.flags["image_ref"]) == (True, "r")
    assert program.namespace == ("apps" if "-n" in words.split() else "flux-system")


def test_a_value_is_not_taken_for_a_command(program: Program) -> None:
    assert program("-n", "create", "create", "image", "policy") == 0
    assert program.namespace == "create"
    assert program("-ncreate", "create", "image", "policy") == 0
    assert program.namespace == "create"


def test_values(program: Program) -> None:
    program(
        *[
            "create",
            "image",
            "policy",
            "--label",
            "a=b,c=d",
            "--label=e=f",
            "--key",
            "x,y",
            "--key",
            "z",
            "--interval=90s",
            "-s",
        ]
    )
    assert program.flags == {
        "export": False, "label": ("a=b", "c=d", "e=f"), "key": ("x,y", "z"), "interval": 90 * SECOND, "silent": True,
        "image_ref": "", "order": "asc", "wait": None,
    }  # fmt: skip


def test_the_nearest_flag_of_a_name_counts(program: Program) -> None:
    program("create", "image", "policy")
    assert program.flags["interval"] == 0


@pytest.mark.parametrize(("given", "value"), [("--wait", True), ("--wait=0", False), ("--wait=False", False)])
def test_switches_can_be_switched_off(given: str, value: bool, program: Program) -> None:
    program("create", "image", "policy", given)
    assert program.flags["wait"] is value


def test_a_shorthand_may_be_switched_off_and_share_a_word(program: Program) -> None:
    program("create", "image", "policy", "-s=false")
    assert program.flags["silent"] is False
    program("create", "image", "policy", "-sn", "apps", "x")
    assert (program.flags["silent"], program.namespace, program.arguments) == (True, "apps", ("x",))


@pytest.mark.parametrize("words", ["-n=apps x", "-sn=apps x", "-snapps x", "-s=false -n=apps x", "-n apps x"])
def test_a_shorthand_takes_its_value_in_every_way_of_go(words: str, program: Program) -> None:
    assert program("create", "image", "policy", *words.split()) == 0
    assert (program.namespace, program.arguments) == ("apps", ("x",))


def test_a_value_that_looks_like_a_flag_is_a_value(program: Program) -> None:
    assert program("create", "image", "policy", "--image-ref", "--wait=false", "-n", "apps", "x") == 0
    assert (program.flags["image_ref"], program.flags["wait"], program.namespace) == ("--wait=false", None, "apps")


def test_an_empty_namespace_stands_for_no_other(program: Program) -> None:
    """It is a variable of a script that is not set: `delete … -n "$NAMESPACE"` must not look elsewhere."""
    program("create", "image", "policy", "-n", "", FLUX_SYSTEM_NAMESPACE="gitops")
    with pytest.raises(InvalidNamespace, match='must be a valid DNS label: ""'):
        _ = program.namespace
    assert program.calls[-1][0].exported_namespace == ""


@pytest.mark.parametrize(("value", "follows"), [("true", True), ("1", True), ("0", True), ("", False)])
def test_the_context_is_followed_whatever_the_variable_is_set_to(value: str, follows: bool, program: Program) -> None:
    program("create", "image", "policy", FLUX_NS_FOLLOWS_KUBE_CONTEXT=value)
    program.calls[-1][0].connect = lambda _: nullcontext(cast("Cluster", FakeCluster("of-context")))
    assert program.namespace == ("of-context" if follows else "flux-system")


def test_a_pipe_that_breaks_elsewhere_is_no_reader_that_left(program: Program) -> None:
    """It is an agent's or a child's: what was asked for was not done."""
    program.fails = BrokenPipeError("ssh-agent")
    with pytest.raises(BrokenPipeError):
        program("create", "image", "policy")


def test_nothing_after_two_dashes_is_a_flag(program: Program) -> None:
    program("create", "image", "policy", "--", "-h", "--export")
    assert (program.arguments, program.flags["export"]) == (("-h", "--export"), False)


INTERVAL = 'invalid argument "5" for "--interval" flag: time: missing unit in duration "5"'
EXPORT = 'invalid argument "maybe" for "--export" flag: strconv.ParseBool: parsing "maybe": invalid syntax'
SILENT = 'invalid argument "no" for "-s, --silent" flag: strconv.ParseBool: parsing "no": invalid syntax'
NOT_UTF8 = "an argument is not UTF-8, which API servers and manifests are written in"
LABEL = r'invalid argument "a=b\x0bc\x0dd" for "--label" flag: parse error: a line break'
REFUSED = (
    "✗ the API server does not accept the credentials (Unauthorized): they may have expired; log in again, or name "
    "others with --context, --user or --token\n"
)
BURST = 'invalid argument "x" for "--kube-api-burst" flag: strconv.ParseInt: parsing "x": invalid syntax'


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("create image policy --interval 5", INTERVAL),
        ("create image policy --interval=", 'invalid argument "" for "--interval" flag: time: invalid duration ""'),
        ("create image policy --export=maybe", EXPORT),
        ("create image policy -s=no", SILENT),
        ("create image policy --order=up", 'invalid argument "up" for "--order" flag: must be one of asc, desc'),
        ("create image policy --image-ref", "flag needs an argument: --image-ref"),
        ("create image policy -n", "flag needs an argument: 'n' in -n"),
        ("create image policy --frob", "unknown flag: --frob"),
        ("create image policy --imageref=x", "unknown flag: --imageref; did you mean --image-ref?"),
        ("create image policy -o json", "unknown shorthand flag: 'o' in -o"),
        ("create image policy --kube-api-burst=x", BURST),
        ("create image polcy app", 'unknown command "polcy" for "tagline create image"; did you mean "policy"?'),
        ("frobnicate", 'unknown command "frobnicate" for "tagline"'),
        ("crate", 'unknown command "crate" for "tagline"; did you mean "create"?'),
        ("check extra", 'unknown command "extra" for "tagline check"'),
        ("create image policy --label=a=b\x0bc\rd", LABEL),
        ("create image policy --image-ref=\udcff", NOT_UTF8),
        ("create image policy \udcff", NOT_UTF8),
        ("create image policy -n Bad", 'namespace must be a valid DNS label: "Bad"'),
    ],
)
def test_bad_usage_is_one_sentence(words: str, sentence: str, program: Program, err: Err) -> None:
    assert program(*words.split(" ")) == 1
    assert err() == f"✗ {sentence}\n"
    assert program.calls == []


def test_the_namespace_comes_from_the_environment_unless_it_is_given(program: Program, err: Err) -> None:
    program("create", "image", "policy", FLUX_SYSTEM_NAMESPACE="gitops")
    assert program.namespace == "gitops"
    program("create", "image", "policy", "-n", "apps", FLUX_SYSTEM_NAMESPACE="gitops")
    assert program.namespace == "apps"
    program("create", "image", "policy", FLUX_SYSTEM_NAMESPACE="Not_Valid")
    assert program.namespace == "flux-system"
    assert err() == '⚠️  ignoring invalid FLUX_SYSTEM_NAMESPACE: "Not_Valid"\n'


def test_help_goes_to_standard_output(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["create", "image", "policy", "--help"], ["-h", "create", "image", "policy"]):
        assert program(*words) == 0
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert lines[lines.index("Usage:") + 1] == "  tagline create image policy [name] [flags]"
        assert lines[lines.index("Aliases:") + 1] == "  policy, pol"
        assert "-h, --help help for policy" in " ".join(out.split())
        assert "      --interval duration  " in out.partition("Flags:")[2].partition("Global Flags:")[0]
        assert "--interval" not in out.partition("Global Flags:")[2]
        assert '  -n, --namespace string               namespace of the objects (default "flux-system")' in lines
        assert err == ""


@pytest.mark.parametrize("words", ["", "create", "create image"])
def test_a_group_shows_what_is_below_it(words: str, program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(*words.split()) == 0
    out = capsys.readouterr().out
    assert "Available Commands:\n" in out
    assert "[command]\n" in out


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Failed("no\x1b[31m such thing"), 1, "✗ no\\x1b[31m such thing\n"),
        (Said(), 1, ""),
        (Unauthorized("get x", "Unauthorized", status=401), 1, REFUSED),
        (Invalid("get x", "'a/b' is not a name"), 1, "✗ 'a/b' is not a name\n"),
        (NotFound("get x", 'x "a" not found', status=404), 1, '✗ x "a" not found\n'),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted\n"),
    ],
)
def test_failures_are_told(error: Exception, status: int, said: str, program: Program, err: Err) -> None:
    program.fails = error
    assert program("create", "image", "policy") == status
    assert err() == said


def test_faults_of_our_own_are_not_hidden(program: Program) -> None:
    program.fails = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        program("create", "image", "policy")


def test_texts_with_commas_are_quoted_as_in_csv(program: Program) -> None:
    program("create", "image", "policy", '--label="a=b,c",d=e', "--label=")
    assert program.flags["label"] == ("a=b,c", "d=e")
    assert COMMA_SEPARATED.name == "strings"
