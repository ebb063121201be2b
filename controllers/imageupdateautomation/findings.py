"""What an update left out and why, as its owner reads it: in the status, in an event, in the Ready message. Pure."""

from collections.abc import Iterable, Mapping

from api.imageupdateautomation import Finding as ApiFinding
from controllers import setters

MAX_FINDINGS = 20
"""In the status; the last one counts what is left out."""

REASONS: Mapping[setters.Reason, str] = {
    setters.Reason.UNPARSABLE: "NotYAML",
    setters.Reason.REFUSED: "EditRefused",
    setters.Reason.UNKNOWN_POLICY: "UnknownPolicy",
    setters.Reason.UNKNOWN_SUFFIX: "UnknownSuffix",
    setters.Reason.MALFORMED: "MalformedMarker",
    setters.Reason.MISPLACED: "MisplacedMarker",
    setters.Reason.MORE: "More",
}


def told(
    findings: Iterable[setters.Finding], *, namespace: str, policies: Iterable[str], selected: Iterable[str]
) -> tuple[ApiFinding, ...]:
    """The findings for the status: bounded, each with what to do about it.

    policies: names of all policies of the namespace. selected: those that have an image and that the selector chose.
    """
    names, chosen = set(policies), set(selected)
    found = [
        ApiFinding(
            file=finding.file,
            line=finding.line,
            reason=REASONS[finding.reason],
            message=_explained(finding, namespace=namespace, policies=names, selected=chosen),
        )
        for finding in findings
    ]
    if len(found) <= MAX_FINDINGS:
        return tuple(found)
    more = len(found) - MAX_FINDINGS + 1
    return (*found[: MAX_FINDINGS - 1], ApiFinding(reason="More", message=f"{more} more findings are not listed"))


def line(finding: ApiFinding) -> str:
    """One finding in a line, as compilers write it: `app.yaml:12: what is wrong`."""
    place = f"{finding.file}:{finding.line}: " if finding.line else f"{finding.file}: " if finding.file else ""
    return f"{place}{finding.message}"


def summary(findings: tuple[ApiFinding, ...]) -> str:
    """What the Ready message says of findings: nothing, the only one, or the first and how many there are."""
    if not findings:
        return ""
    first = line(findings[0])
    return f"; left out: {first}" + (f" (and {len(findings) - 1} more, see status.findings)" if findings[1:] else "")


def _explained(finding: setters.Finding, *, namespace: str, policies: set[str], selected: set[str]) -> str:
    if finding.reason is not setters.Reason.UNKNOWN_POLICY:
        return finding.message
    owner, _, rest = finding.setter.partition(":")
    name = rest.partition(":")[0]
    marker = f"the marker names ImagePolicy '{owner}:{name}'"
    if owner != namespace:
        return f"{marker}, but only policies of the automation's own namespace '{namespace}' are used"
    if name not in policies:
        return f"{marker}, which does not exist; create it or correct the marker"
    if name not in selected:
        return f"{marker}, which has no image yet or is not chosen by spec.policySelector"
    return finding.message
