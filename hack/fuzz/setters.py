"""Files that were cut up, glued together and spoilt: the setters must never fail, nor touch what is not marked.

    python -m hack.fuzz.setters --seconds 60 --seed 1

Starts from the recorded files of `hack/conformance`. Stops at the first file that breaks a rule, prints it and the
seed, exit status 1.
"""

import random
import sys
import time
from collections.abc import Callable

from controllers.setters import FindingReason, ImageRef, apply
from controllers.setters.refs import resolve
from hack.conformance.runner import DATA, read_cases
from hack.conformance.setters import compare_text, content
from hack.fuzz._tally import Tally, run_target

TOKENS = [
    *(b"\n", b"\r\n", b"\r", b" ", b"  ", b"\t", b"# ", b"- ", b": ", b"? ", b", ", b"[", b"]", b"{", b"}", b'"', b"'"),
    *(b"|\n", b">-\n", b"---\n", b"...\n", b"&a ", b"*a", b"!!int ", b"!x ", b"%YAML 1.1\n", b"\xef\xbb\xbf", b"\xff"),
    *("é".encode(), "😀".encode(), "\x85".encode(), "\u2028".encode(), b"~", b"''", b"kind: List\nitems:\n"),
    *(b' # {"$imagepolicy": "d:a"}', b' # {"$imagepolicy": "d:a:tag"}\n', b'# {"$imagepolicy": "d:b:name"}\n'),
]
NAMES = [b"flux-system:podinfo", b"flux-system:app", b"flux-system:worker", b"team-a:api", b"apps:web"]
VALUES = ["1.10", "v1.2.3", "yes", "007", "1e3", "2024-01-15", "main-abc-1", "~x"]

Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def insert(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(TOKENS) + data[at:]


def delete(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.choice((1, 1, 2, 8, 40)) :]


def swap_lines(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def indent_line(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    lines[at] = rng.choice((b" " + lines[at], b"  " + lines[at], lines[at].lstrip(b" "), lines[at][1:]))
    return b"".join(lines)


def glue(rng: random.Random, data: bytes, corpus: list[bytes]) -> bytes:
    other = rng.choice(corpus)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


MUTATIONS: list[Mutation] = [insert, insert, delete, swap_lines, indent_line, glue]


def corpus() -> list[bytes]:
    files = (content(file) for case in read_cases(DATA / "setters.jsonl") for file in case["in"]["files"])
    return [shorten_policies(data) for data in files if b'"$imagepolicy"' in data]


def shorten_policies(data: bytes) -> bytes:
    """Replace the policies' names of the recorded files by the two that are known here."""
    for number, name in enumerate(NAMES):
        data = data.replace(name, b"d:a" if number % 2 else b"d:b")
    return data


def find_violation(data: bytes, refs: dict[str, ImageRef]) -> str | None:
    """Return the rule that the update of this file breaks; None when it keeps them all."""
    edit = apply("f.yaml", data, refs)
    if not edit.changed:
        return None if edit.data is data else "changed without a change"
    if apply("f.yaml", edit.data, refs).changed:
        return "a second run changes it again"
    values = {(mark.line, mark.column): str(resolve(mark.setter, refs)) for mark in edit.markers}
    return next(compare_text("f.yaml", data, edit.data, values), None)


def is_refused(data: bytes, refs: dict[str, ImageRef]) -> bool:
    """Return True when the safety net had to catch an edit: allowed, but each is a shape that could be written."""
    refused = any(finding.reason is FindingReason.REFUSED for finding in apply("f.yaml", data, refs).findings)
    if refused:
        print(f"refused: {data!r}")
    return refused


def run(seconds: float, seed: int) -> int:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    files = corpus()
    end, tally = time.monotonic() + seconds, Tally("setters", seed)
    while time.monotonic() < end:
        data = rng.choice(files)
        for _ in range(rng.randint(1, 6)):
            data = rng.choice(MUTATIONS)(rng, data, files)
        refs = {f"d:{name}": ImageRef(rng.choice(("nginx", "a:1/b")), rng.choice(VALUES), "sha256:0") for name in "ab"}
        with tally.case():
            found = find_violation(data, refs)
        tally.failed += is_refused(data, refs)
        if found:
            print(f"seed {seed}, file {tally.tried}: {found}\n{data!r}\n{refs}")
            return 1
    tally.report("a refused edit")
    return 0


def main(arguments: list[str]) -> int:
    return run_target("setters", run, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
