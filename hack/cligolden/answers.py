"""Compares what a program answered with a case, in every field that the recording has."""

import re
from collections.abc import Callable

from msgspec import UNSET

from hack.cligolden import helpscreen
from hack.cligolden.cases import Case
from hack.cligolden.compare import RECORDED_NAME, Difference, Places, text_difference
from hack.cligolden.forms import manifest_differences, shape_differences
from hack.cligolden.invocation import Answer

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x07\x08\r]")
HelpOf = Callable[[str], str]
"""Returns our help screen of a command, given by the recorded words, like `flux get images`."""


def answer_differences(case: Case, answer: Answer, places: Places, help_of: HelpOf) -> list[Difference]:
    """Return how exit code, standard output and standard error differ from the recorded ones."""
    found = []
    if answer.exit != case.exit:
        found.append(Difference("exit", f"recorded is {case.exit}; ours is {answer.exit}\n"))
    found += _stdout_differences(case, answer.stdout, places, help_of)
    found += text_difference("stderr", places.rename(case.stderr), answer.stderr, places)
    return found


def _stdout_differences(case: Case, text: str, places: Places, help_of: HelpOf) -> list[Difference]:
    found = []
    if isinstance(case.stdout, str):
        found += text_difference("stdout", places.rename(case.stdout), text, places)
    if case.stdout_is_help_of is not UNSET:
        found += help_differences(case.stdout_is_help_of, text, help_of, places)
    if case.prompt is not UNSET and case.prompt not in ESCAPES.sub("", text):
        found.append(Difference("prompt", f"recorded is {case.prompt!r}; ours is {text[:400]!r}\n"))
    if case.help is not UNSET:
        found += helpscreen.compare(case.help, text, places.name)
    if case.shape is not UNSET:
        found += shape_differences(case.shape, text, places)
    if case.has("objects") or case.has("header") or case.has("labels_of_first_object"):
        found += manifest_differences(
            text,
            places,
            header=None if case.header is UNSET else case.header,
            objects=None if case.objects is UNSET else case.objects,
            labels=None if case.labels_of_first_object is UNSET else case.labels_of_first_object,
        )
    if case.stdout_first_line is not UNSET:
        first = text.partition("\n")[0]
        found += text_difference("stdout_first_line", named(case.stdout_first_line, places.name), first, places)
    if case.stdout_lines is not UNSET and case.stdout_lines != len(text.splitlines()):
        found.append(Difference("stdout_lines", f"recorded are {case.stdout_lines}; ours {len(text.splitlines())}\n"))
    return found


def help_differences(command: str, text: str, help_of: HelpOf, places: Places) -> list[Difference]:
    """Return how a text differs from our help screen of a command, which names the command in its usage."""
    words = re.sub(rf"^{RECORDED_NAME}\b", places.name, command)
    usage = helpscreen.parse(text).usage
    if not any(line == words or line.startswith(f"{words} ") for line in usage):
        return [Difference("stdout_is_help_of", f"recorded is the help of {command!r}; ours begins {text[:400]!r}\n")]
    return text_difference("stdout_is_help_of", help_of(command), text, Places(name=places.name))


def named(line: str, name: str) -> str:
    """Return the first line of a script with our name in the columns of the recorded one."""
    return re.sub(
        rf"\b{RECORDED_NAME}\b( {{2,}})?",
        lambda found: name.ljust(len(found[0])) if found[1] else name,
        line,
    )
