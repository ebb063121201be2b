"""What an update left out and why, as its owner reads it: in the status, in an event, in the Ready message. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import Finding as ApiFinding
from controllers import setters
from controllers.imageupdateautomation.selection import Pause
from controllers.runtime.key import Key

POLICY_WITHOUT_IMAGE = "PolicyWithoutImage"
INVALID_IMAGE = "InvalidImage"
MAX_FINDINGS = 20
"""In the status; the last one counts what is left out."""

REASONS: Mapping[setters.FindingReason, str] = {
    setters.FindingReason.UNPARSABLE: "NotYAML",
    setters.FindingReason.REFUSED: "EditRefused",
    setters.FindingReason.UNKNOWN_POLICY: "UnknownPolicy",
    setters.FindingReason.UNKNOWN_SUFFIX: "UnknownSuffix",
    setters.FindingReason.MALFORMED: "MalformedMarker",
    setters.FindingReason.MISPLACED: "MisplacedMarker",
    setters.FindingReason.REVERTED: "HeldBack",
    setters.FindingReason.MORE: "More",
}

PAUSE_MESSAGES: Mapping[Pause, str] = {
    Pause.SUSPENDED: "is suspended: the value stays as it is until the policy is resumed",
    Pause.NOT_READY: "is not ready: the value stays as it is until the policy is; its own status says what it lacks",
}
EXPECTED_REASONS = {POLICY_WITHOUT_IMAGE, *Pause}
"""What passes by itself, or is so on purpose."""

NOT_PAUSED: Mapping[str, Pause] = {}

PolicyLookup: TypeAlias = Callable[[Key], ImagePolicy | None]
"""What is known of a policy that a marker names, in any namespace that is watched."""


def told(
    findings: Iterable[setters.FileFinding],
    policies: PolicyLookup,
    *,
    first: tuple[ApiFinding, ...] = (),
    paused: Mapping[str, Pause] = NOT_PAUSED,
) -> tuple[ApiFinding, ...]:
    """The findings for the status: bounded, each with what to do about it.

    A marker of a policy that exists but is not used here (another namespace's, or not chosen by the selector) is
    some other automation's business and no finding. first: what was found out before the files were looked at.
    paused: policies of this automation, `namespace:name`, whose markers are left alone now.
    """
    found = [*first, *(told for finding in findings if (told := _to_status(finding, policies, paused)))]
    if len(found) <= MAX_FINDINGS:
        return tuple(found)
    more = len(found) - MAX_FINDINGS + 1
    return (*found[: MAX_FINDINGS - 1], ApiFinding(reason="More", message=f"{more} more findings are not listed"))


def unusable(images: Mapping[str, str]) -> tuple[ApiFinding, ...]:
    """A finding for each policy whose image is no valid reference. images: policy name → what would be written."""
    return tuple(
        ApiFinding(
            reason=INVALID_IMAGE,
            message=f"ImagePolicy '{name}' is left out: could not parse reference: {text[:256]}; "
            "correct the image of its ImageRepository",
        )
        for name, text in sorted(images.items())
    )


def is_event_worthy(finding: ApiFinding) -> bool:
    """False for what passes by itself or is so on purpose: policies that have not chosen yet, or rest."""
    return finding.reason not in EXPECTED_REASONS


def line(finding: ApiFinding) -> str:
    """One finding in a line, as compilers write it: `app.yaml:12: what is wrong`."""
    place = f"{finding.file}:{finding.line}: " if finding.line else f"{finding.file}: " if finding.file else ""
    return f"{place}{finding.message}"


def summarize(findings: tuple[ApiFinding, ...]) -> str:
    """What the Ready message says of findings: nothing, the only one, or the first and how many there are."""
    if not findings:
        return ""
    first = line(findings[0])
    return f"; left out: {first}" + (f" (and {len(findings) - 1} more, see status.findings)" if findings[1:] else "")


def _to_status(finding: setters.FileFinding, policies: PolicyLookup, paused: Mapping[str, Pause]) -> ApiFinding | None:
    reason: str = REASONS[finding.reason]
    message = finding.message
    if finding.reason is setters.FindingReason.UNKNOWN_POLICY:
        namespace, _, rest = finding.setter.partition(":")
        name = rest.partition(":")[0]
        policy = policies(Key(namespace, name))
        marker = f"the marker names ImagePolicy '{namespace}:{name}'"
        if policy is None:
            message = f"{marker}, which does not exist; create it or correct the marker"
        elif policy.status.latest_ref is None:
            reason, message = POLICY_WITHOUT_IMAGE, f"{marker}, which has not chosen an image yet"
        elif why := paused.get(f"{namespace}:{name}"):
            reason, message = why, f"{marker}, which {PAUSE_MESSAGES[why]}"
        else:
            return None
    return ApiFinding(file=finding.file, line=finding.line, reason=reason, message=message)
