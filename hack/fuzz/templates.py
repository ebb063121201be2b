"""Commit message templates that were cut up and glued together: each gives a message or a TemplateFailure, in time.

    python -m hack.fuzz.templates --seconds 60 --seed 1

Starts from the recorded templates of `hack/conformance`. Stops at the first one that raises anything else or takes too
long, prints it and the seed, exit status 1.
"""

import random
import sys
import time
import traceback

from controllers.template import TemplateFailure, render_bytes
from controllers.template.library import FUNCTIONS
from hack.conformance.commit_template import NOW, data_of
from hack.conformance.runner import DATA, read_cases
from hack.fuzz._tally import Tally, run_target

MAX_SECONDS = 5.0
SLOW = {"bcrypt", "htpasswd", "derivePassword", "genPrivateKey"}
"""Expensive by design; the budget counts them, and a fuzzer would do nothing else."""
SYNTAX = r"""
{{ }} {{- -}} if else end range with define template block break continue nil . $ $x := = , | ( ) ' "a" `b` "\xff"
"%d|%v" {{/* */}} 'x' .Changed .Changed.Changes .Updated.Images .Values.a 0 -1 1e309 0x1p4 1_000 3i é
"""
WORDS = [
    *sorted(FUNCTIONS.keys() - SLOW),
    *SYNTAX.split(),
    *("\0", "9" * 500, "(" * 200, "{{if 1}}" * 200, "{{range .Changed.Changes}}" * 60, "| " * 300, "not " * 300),
]


def mutate(rng: random.Random, text: str, corpus: list[str]) -> str:
    """Insert a word, cut something out, or continue with another template."""
    at = rng.randint(0, len(text))
    match rng.randrange(4):
        case 0 | 1:
            return f"{text[:at]} {rng.choice(WORDS)} {text[at:]}"
        case 2:
            return text[:at] + text[at + rng.choice((1, 2, 8, 40)) :]
        case _:
            other = rng.choice(corpus)
            return text[:at] + other[rng.randint(0, len(other)) :]


def run(seconds: float, seed: int) -> int:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    questions = [case["in"] for case in read_cases(DATA / "commit_template.jsonl")]
    corpus = [question["template"] for question in questions]
    end, tally = time.monotonic() + seconds, Tally("templates", seed)
    while time.monotonic() < end:
        question = rng.choice(questions)
        template = question["template"]
        for _ in range(rng.randint(1, 6)):
            template = mutate(rng, template, corpus)
        if any(name in template for name in SLOW):
            continue
        begin = time.monotonic()
        try:
            with tally.case():
                render_bytes(template, data_of(question), now=NOW)
        except TemplateFailure:
            tally.failed += 1
        except Exception:
            print(f"seed {seed}, template {tally.tried}:\n{traceback.format_exc()}\n{template!r}")
            return 1
        if (took := time.monotonic() - begin) > MAX_SECONDS:
            print(f"seed {seed}, template {tally.tried}: took {took:.1f} s\n{template!r}")
            return 1
    tally.report("a failure of the template")
    return 0


def main(arguments: list[str]) -> int:
    return run_target("templates", run, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
