"""Hostile templates end soon, with an error or a message, and never with anything else."""

from datetime import UTC, datetime

import pytest

from controllers.template import (
    FileChange,
    ObjectRef,
    TemplateChange,
    TemplateData,
    TemplateError,
    TemplateFailure,
    render,
)
from controllers.template.library import FUNCTIONS
from testing.costs import costs_less_than

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DATA = TemplateData(
    "ns",
    "name",
    [
        FileChange(
            f"{file}.yaml",
            ObjectRef("v1", "Pod", "ns", str(file)),
            [TemplateChange("nginx:1", "nginx:2", f"ns:p{policy}", "nginx:2") for policy in range(20)],
        )
        for file in range(50)
    ],
)
SECONDS = 5.0
"""Far above the 0.4 s that the templates below take, and far below what they would take without limits."""
LARGE = '{{ $x := "x" }}{{ range until 13 }}{{ $x = print $x $x }}{{ end }}{{ $x = print $x $x $x $x $x $x $x }}'
SELF = '{{ $d := dict }}{{ $_ := set $d "d" $d }}'
TREE = "{{ $x := list 1 }}{{ range until 30 }}{{ $x = list $x $x }}{{ end }}"


SMALL = TemplateData("ns", "name", [], {"a": "b"})


def outcome(template: str, data: TemplateData = DATA) -> str:
    with costs_less_than(SECONDS):
        try:
            render(template, data, now=NOW)
            result = "message"
        except TemplateFailure as failure:
            result = str(failure)
    return result


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("{{ range until 30000 }}{{ range until 30000 }}{{ end }}{{ end }}", id="nested-ranges"),
        pytest.param("{{ range 1000000000 }}{{ end }}", id="range-over-a-number"),
        pytest.param("{{ range 1000000000 }}x{{ end }}", id="output"),
        pytest.param("{{ repeat 1000000000 `x` | len }}", id="repeat"),
        pytest.param("{{ until 1000000000 | len }}", id="until"),
        pytest.param("{{ untilStep -9223372036854775807 9223372036854775807 1 }}", id="until-step-beyond-int64"),
        pytest.param("{{ seq 1 99999999999 }}", id="seq"),
        pytest.param("{{ indent 1000000000 `a` }}", id="indent"),
        pytest.param("{{ printf `%999999d` 1 | len }}", id="printf-width"),
        pytest.param("{{ printf `%*d` 999999 1 | len }}", id="printf-width-from-argument"),
        pytest.param("{{ printf `%.999999f` 1.5 | len }}", id="printf-precision"),
        pytest.param("{{ $x := `x` }}{{ range until 100 }}{{ $x = print $x $x }}{{ end }}", id="doubling-strings"),
        pytest.param("{{ $x := list 1 }}{{ range until 100 }}{{ $x = concat $x $x }}{{ end }}", id="doubling-lists"),
        pytest.param(TREE + "{{ $x }}", id="print-a-shared-tree"),
        pytest.param(TREE + "{{ toJson $x }}", id="encode-a-shared-tree"),
        pytest.param(TREE + "{{ deepEqual $x (deepCopy $x) }}", id="copy-a-shared-tree"),
        pytest.param(SELF + "{{ $d }}", id="print-a-cycle"),
        pytest.param(SELF + "{{ toJson $d }}", id="encode-a-cycle"),
        pytest.param(SELF + "{{ deepCopy $d }}", id="copy-a-cycle"),
        pytest.param(SELF + "{{ deepEqual $d $d }}", id="compare-a-cycle"),
        pytest.param(SELF + "{{ merge $d $d }}", id="merge-a-cycle"),
        pytest.param("{{ define `a` }}{{ template `a` }}{{ end }}{{ template `a` }}", id="endless-recursion"),
        pytest.param("{{ " + "(" * 1000 + "1" + ")" * 1000 + " }}", id="deep-parentheses"),
        pytest.param("{{ if 1 }}" * 5000 + "{{ end }}" * 5000, id="deep-blocks"),
        pytest.param(LARGE + "{{ replace `` $x $x | len }}", id="replace"),
        pytest.param(LARGE + "{{ join $x (until 1000) | len }}", id="join"),
        pytest.param(LARGE + "{{ wrapWith 1 $x $x | len }}", id="wrap"),
        pytest.param(LARGE + "{{ regexReplaceAll `x` $x $x | len }}", id="regex-replacement"),
        pytest.param(LARGE + "{{ range until 1000 }}{{ $_ := regexMatch `(x+x+)+y` $x }}{{ end }}", id="regex-many"),
        pytest.param(
            LARGE + "{{ range until 1000 }}{{ $_ := regexMatch (printf `(x?){%d}x{900}y` .) $x }}{{ end }}",
            id="regex-programs",
        ),
        pytest.param(LARGE + "{{ regexMatch (repeat 100 `(.?)`) (repeat 9000 `ab01.-`) }}", id="regex-groups"),
        pytest.param(LARGE + "{{ range until 10000 }}{{ $_ := sha512sum $x }}{{ end }}", id="checksums"),
        pytest.param(LARGE + "{{ range until 10000 }}{{ $_ := title $x }}{{ end }}", id="letter-case"),
        pytest.param(LARGE + "{{ range until 10000 }}{{ $_ := quote $x }}{{ end }}", id="quoting"),
        pytest.param(LARGE + "{{ range until 10000 }}{{ $_ := fromJson $x }}{{ end }}", id="json-decoding"),
        pytest.param(LARGE + "{{ range until 10000 }}{{ $_ := wrap 1 $x }}{{ end }}", id="wrapping"),
        pytest.param("{{ uniq (until 30000) | len }}", id="quadratic-uniq"),
        pytest.param("{{ range until 10000 }}{{ $_ := bcrypt `x` }}{{ end }}", id="password-hashes"),
        pytest.param("{{ range until 10000 }}{{ $_ := print $.Changed }}{{ end }}", id="print-all-data"),
    ],
)
def test_budget_ends_it(template: str) -> None:
    text = outcome(template)
    assert any(word in text for word in ("more than", "larger than", "depth", "nested"))


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(LARGE + "{{ regexMatch `(x+x+)+y` $x }}", id="regex-backtracking"),
        pytest.param(LARGE + "{{ regexMatch `((x{0,30}){0,30})$` $x }}", id="regex-repeats"),
        pytest.param("{{ mulf " + "1e300 " * 5000 + "}}", id="huge-decimals"),
        pytest.param("{{ divf " + "1.123456789012345 " * 3000 + "}}", id="long-decimals"),
        pytest.param("{{ int `" + "9" * 50_000 + "` }}", id="long-integer-text"),
        pytest.param("{{ 1" + "0" * 50_000 + " }}", id="long-integer-literal"),
        pytest.param("{{ 0x" + "f" * 50_000 + " }}", id="long-hexadecimal-literal"),
        pytest.param("{{ float64 `1e" + "9" * 50_000 + "` }}", id="long-exponent"),
        pytest.param("{{ toDecimal `" + "7" * 50_000 + "` }}", id="long-octal"),
        pytest.param("{{ duration `" + "9" * 50_000 + "` }}", id="long-duration"),
        pytest.param("{{ fromJson `" + "[" * 30_000 + "` }}", id="deep-json"),
        pytest.param("{{ semver `" + "9" * 50_000 + ".1.1` }}", id="long-version"),
        pytest.param("{{ range until 3000 }}{{ $_ := $.Updated.Images }}{{ end }}", id="projections"),
        pytest.param("{{- " * 10_000, id="many-openings"),
        pytest.param("{{/*" * 10_000, id="many-comments"),
        pytest.param("{{ " + "1 | print | " * 5_000 + "print }}", id="long-pipeline"),
    ],
)
def test_ends_soon_either_way(template: str) -> None:
    assert outcome(template)


def test_every_function_survives_every_kind_of_value() -> None:
    values = [
        "nil",
        "-1",
        "2.5",
        "true",
        "`a b`",
        '"\\xff"',
        "(list 1 nil)",
        "(dict `a` 1)",
        "$",
        "9223372036854775807",
    ]
    for name in sorted(FUNCTIONS.keys() - {"bcrypt", "htpasswd"}):
        for first in values:
            outcome(f"{{{{ {name} {first} }}}}", SMALL)
            for second in values:
                outcome(f"{{{{ {second} | {name} {first} }}}}", SMALL)


def test_secret_makers_refuse() -> None:
    for call in ("genPrivateKey `rsa`", "derivePassword 1 `long` `a` `b` `c`", "genCA `a` 1", "encryptAES `a` `b`"):
        with pytest.raises(TemplateError, match="not made for commit messages"):
            render(f"{{{{ {call} }}}}", DATA, now=NOW)


def test_nothing_of_python_is_within_reach() -> None:
    for path in (
        ".__class__",
        ".values",
        ".go_type",
        "$.Changed.__init__",
        '("a").format',
        "(list 1).items",
        "(dict).pop",
    ):
        text = outcome(f"{{{{ print {path} }}}}")
        assert (
            "can't evaluate field" in text
            or "bad character" in text
            or "unexpected . after" in text
            or text == "message"
        )
    assert render("{{ (dict).items }}{{ (dict).__class__ }}", DATA, now=NOW) == "<no value><no value>"
