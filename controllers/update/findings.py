"""What an update left out and why, as its owner reads it: in the status, in events, in the Ready message. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import Finding as ApiFinding
from api.imageupdateautomation import ImageUpdateAutomation
from controllers import setters
from controllers.image.setter import parse_setter, policy_key
from controllers.net.foreign_text import escape, escape_lines
from controllers.runtime.key import Key
from controllers.update.policies import PauseReason
from controllers.update.reach import Reach, Refusal, explain_refusal

POLICY_WITHOUT_IMAGE = "PolicyWithoutImage"
INVALID_IMAGE = "InvalidImage"
MAX_FINDINGS = 20
"""In the status; where there are more, the last entry counts the rest."""

REASONS: Mapping[setters.FindingReason, str] = {
    setters.FindingReason.UNPARSABLE: "NotYAML",
    setters.FindingReason.REFUSED: "EditRefused",
    setters.FindingReason.UNKNOWN_POLICY: "UnknownPolicy",
    setters.FindingReason.UNKNOWN_SUFFIX: "UnknownSuffix",
    setters.FindingReason.NO_DIGEST: "NoDigest",
    setters.FindingReason.MALFORMED: "MalformedMarker",
    setters.FindingReason.MISPLACED: "MisplacedMarker",
    setters.FindingReason.REVERTED: "HeldBack",
    setters.FindingReason.NOT_JSON: "NotJSON",
    setters.FindingReason.TARGET_INVALID: "InvalidTarget",
    setters.FindingReason.TARGET_NOT_FOUND: "TargetNotFound",
    setters.FindingReason.TARGET_AMBIGUOUS: "AmbiguousTarget",
    setters.FindingReason.TARGET_UNFIT: "UnfitTarget",
    setters.FindingReason.MORE: "More",
}

PAUSE_MESSAGES: Mapping[PauseReason, str] = {
    PauseReason.SUSPENDED: "is suspended: the value stays as it is until the policy is resumed",
    PauseReason.NOT_READY: "is not ready: the value stays as it is until the policy is; its own status says "
    "what it lacks",
}
HELD_REASONS = frozenset(
    {REASONS[setters.FindingReason.REVERTED], *PauseReason, "PullRequestLimit", "PullRequestTaken"}
)
"""Those of values that are held back on purpose, or until something else is in order."""
EXPECTED_REASONS = {POLICY_WITHOUT_IMAGE, *PauseReason}
"""What resolves itself, or is intended."""

NOT_PAUSED: Mapping[str, PauseReason] = {}
Refusals = Mapping[str, tuple[Refusal, str]]
"""By `namespace:policy`: who does not let the automation use it, and the clause that says so."""
NOT_REFUSED: Refusals = {}


def named_policies(findings: Iterable[setters.FileFinding]) -> Iterator[Key]:
    """Name the policies, of any namespace, that markers name and that an update did not know; each once."""
    setters_ = (parse_setter(one.setter) for one in findings if one.reason is setters.FindingReason.UNKNOWN_POLICY)
    return iter(dict.fromkeys(Key(one.namespace, one.policy) for one in setters_ if one.policy))


def to_status(
    findings: Iterable[setters.FileFinding],
    policies: Mapping[Key, ImagePolicy],
    *,
    first: tuple[ApiFinding, ...] = (),
    paused: Mapping[str, PauseReason] = NOT_PAUSED,
    refused: Refusals = NOT_REFUSED,
) -> tuple[ApiFinding, ...]:
    """Return the findings for the status: bounded, each with what to do about it.

    A marker of a policy that exists but is not used here (another namespace's, or not chosen by the selector) is
    up to another automation, and not a finding. policies: those of `named_policies` that exist.
    first: findings made before the files were read.
    paused: policies of this automation, by `namespace:policy`, whose markers are left alone now.
    refused: policies of other namespaces that one side alone wants to be used here.
    """
    found = (_to_status(finding, policies, paused, refused) for finding in findings)
    return join(first, [entry for entry in found if entry])


def join(first: Iterable[ApiFinding], second: Iterable[ApiFinding]) -> tuple[ApiFinding, ...]:
    """Return findings for the status, bounded."""
    entries = [_escaped(entry) for entry in (*first, *second)]
    if len(entries) <= MAX_FINDINGS:
        return tuple(entries)
    more = len(entries) - MAX_FINDINGS + 1
    return (*entries[: MAX_FINDINGS - 1], ApiFinding(reason="More", message=f"{more} more findings are not listed"))


def invalid_image_findings(images: Mapping[str, str]) -> tuple[ApiFinding, ...]:
    """Return a finding for each policy whose image is not a valid reference. images: what it is, by policy name."""
    return tuple(
        ApiFinding(
            reason=INVALID_IMAGE,
            message=f"ImagePolicy '{name}' is left out: could not parse reference: {text[:256]}; "
            "correct the image of its ImageRepository",
        )
        for name, text in sorted(images.items())
    )


def blocked_reach_findings(automation: ImageUpdateAutomation, reach: Reach) -> tuple[ApiFinding, ...]:
    """Return a finding for an automation that asks for policies of other namespaces where that is forbidden."""
    if automation.spec.policy_namespaces is None or not reach.is_blocked:
        return ()
    message = (
        "spec.policyNamespaces has no effect: this controller blocks references to other namespaces (see "
        "--no-cross-namespace-refs and --watch-all-namespaces); only policies of the same namespace are used"
    )
    return (ApiFinding(reason=Refusal.BLOCKED, message=message),)


def refusals(automation: ImageUpdateAutomation, policies: Iterable[ImagePolicy], reach: Reach) -> Refusals:
    """Return which of the policies one side alone wants to be used by an automation, and who refuses."""
    found = {}
    for policy in policies:
        if refusal := reach.find_broken_agreement(automation, policy):
            key = policy_key(policy.metadata.namespace, policy.metadata.name)
            found[key] = (refusal, explain_refusal(refusal, automation, policy))
    return found


def is_event_worthy(finding: ApiFinding) -> bool:
    """Report whether to send an event: not for what resolves itself or is intended."""
    return finding.reason not in EXPECTED_REASONS


def format_line(finding: ApiFinding) -> str:
    """Return a finding as one line in the form of compilers: `app.yaml:12: what is wrong`."""
    position = f"{finding.file}:{finding.line}: " if finding.line else f"{finding.file}: " if finding.file else ""
    return f"{position}{finding.message}"


def summarize(findings: tuple[ApiFinding, ...]) -> str:
    """Return what the Ready message says of findings: nothing, the only one, or the first and how many there are."""
    if not findings:
        return ""
    first = format_line(findings[0])
    return f"; left out: {first}" + (f" (and {len(findings) - 1} more, see status.findings)" if findings[1:] else "")


def _escaped(finding: ApiFinding) -> ApiFinding:
    """Return a finding as the status will have it, so that it is the same one when it is read back."""
    return replace(finding, file=escape(finding.file), message=escape_lines(finding.message))


def _to_status(
    finding: setters.FileFinding,
    policies: Mapping[Key, ImagePolicy],
    paused: Mapping[str, PauseReason],
    refused: Refusals,
) -> ApiFinding | None:
    reason: str = REASONS[finding.reason]
    message = finding.message
    if finding.reason is setters.FindingReason.UNKNOWN_POLICY:
        setter = parse_setter(finding.setter)
        policy = policies.get(Key(setter.namespace, setter.policy))
        what = f"target {finding.target}" if finding.target else "the marker"
        marker = f"{what} names ImagePolicy '{setter.policy_key}'"
        if not setter.policy:
            message = f"the marker names '{setter.namespace}', which is not of the form namespace:name"
        elif policy is None:
            message = (
                f"{marker}, which does not exist; create it or correct the {'target' if finding.target else 'marker'}"
            )
        elif refusal := refused.get(setter.policy_key):
            reason, message = refusal[0], f"{marker}, {refusal[1]}"
        elif policy.status.latest_ref is None:
            reason, message = POLICY_WITHOUT_IMAGE, f"{marker}, which has not chosen an image yet"
        elif pause := paused.get(setter.policy_key):
            reason, message = pause, f"{marker}, which {PAUSE_MESSAGES[pause]}"
        else:
            return None
    return ApiFinding(file=finding.file, line=finding.line, reason=reason, message=message)
