"""The questions of `tagline adopt --interactive`: one an image."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from cli.adoption_report import format_proposal
from controllers.adoption.evidence import Verdict, hold_against
from controllers.adoption.instructions import BadInstruction, parse_instruction

QUESTION = "Adopt it? [y]es, [n]o, [a]ll, [q]uit, or another policy such as ^1 or numerical: "


def ask(
    verdicts: Iterable[Verdict],
    namespace: str,
    tags: Callable[[str], Sequence[str] | None],
    *,
    prompt: Callable[[str], str],
    show: Callable[[Iterable[str]], object],
) -> list[Verdict] | None:
    """Return the verdicts that the user wants, None when they quit.

    tags: those of an image, None for unknown ones. prompt: asks a question, raises EOFError at the end of input.
    """
    wanted: list[Verdict] = []
    everything = False
    for verdict in verdicts:
        if everything:
            wanted.append(verdict)
            continue
        current: Verdict | None = verdict
        while current is not None:
            show(format_proposal(current.proposal, namespace, current.choice))
            try:
                answer = prompt(QUESTION).strip()
            except EOFError:
                return None
            match answer.lower():
                case "y" | "yes" | "":
                    wanted.append(current)
                    current = None
                case "n" | "no":
                    current = None
                case "a" | "all":
                    wanted.append(current)
                    everything, current = True, None
                case "q" | "quit":
                    return None
                case _:
                    current = _change(current, answer, tags, show)
    return wanted


def _change(
    verdict: Verdict, answer: str, tags: Callable[[str], Sequence[str] | None], show: Callable[[Iterable[str]], object]
) -> Verdict:
    """Return the verdict on the same places with another policy; the old one where that does not work."""
    proposal = verdict.proposal
    if proposal.policy_exists:
        show([f"The policy {proposal.policy_name} exists: change it where it is\n", "\n"])
        return verdict
    try:
        scheme = parse_instruction(f"{proposal.image}={answer}").scheme
    except BadInstruction as error:
        show([f"{error}\n", "\n"])
        return verdict
    if scheme is None or scheme.is_floating != proposal.scheme.is_floating:
        show(["That does not fit these places: a digest is another value than a tag\n", "\n"])
        return verdict
    same_kind = type(scheme.policy) is type(proposal.scheme.policy)
    tag_filter = proposal.scheme.tag_filter if same_kind else None
    scheme = replace(scheme, digest=proposal.scheme.digest, tag_filter=tag_filter)
    changed = hold_against(replace(proposal, scheme=scheme, reason="as you say", notes=()), tags(proposal.image))
    if changed.refusal:
        show([f"{changed.refusal}\n", "\n"])
        return verdict
    return changed
