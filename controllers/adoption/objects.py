"""The objects of a proposal, as YAML that people go on to edit."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from api.gitrepository import KIND as GIT_REPOSITORY
from api.imagepolicy import ALWAYS, NEVER
from api.imageupdateautomation import SETTERS
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from api.resource import Resource
from controllers.adoption.proposals import Proposal
from controllers.adoption.targets import NewTarget
from controllers.policy import Newest, Policy, Semver

INTERVAL = "10m"
"""Between two scans of an image, and between two reads of a digest."""
AUTOMATION_INTERVAL = "30m"
"""Between two looks at the repository; new choices are written at once whatever it is."""
AUTHOR_NAME = "tagline"
COMMENT_WIDTH = 110

MESSAGE_TEMPLATE = """\
Update images

{{ range .Changed.Changes -}}
- {{ .OldValue }} -> {{ .NewValue }}
{{ end -}}
"""


@dataclass(frozen=True, slots=True)
class AutomationOptions:
    """What the automation needs to know of the repository."""

    namespace: str
    name: str
    source: str
    """Name of the GitRepository."""
    source_namespace: str
    branch: str
    author_email: str
    path: str
    """Folder to look into, relative to the root of the repository; empty for all of it."""


def render_objects(
    proposals: Iterable[Proposal],
    options: AutomationOptions,
    *,
    automation: bool,
    targets: Iterable[NewTarget] = (),
) -> str:
    """Return the YAML of the objects that do not exist yet, "" when there are none. targets: of the automation."""
    documents: list[str] = []
    repositories: set[str] = set()
    for proposal in proposals:
        if not proposal.repository_exists and proposal.repository_name not in repositories:
            repositories.add(proposal.repository_name)
            documents.append(_dump(_repository(proposal, options.namespace)))
        if not proposal.policy_exists:
            documents.append(_comment(proposal) + _dump(_policy(proposal, options.namespace)))
    if automation:
        documents.append(_dump(_automation(options, [target.to_item(target.file) for target in targets])))
    return "---\n".join(documents)


def _object(resource: Resource, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


def _repository(proposal: Proposal, namespace: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"image": proposal.image, "interval": proposal.extras.interval or INTERVAL}
    if proposal.extras.secret:
        spec["secretRef"] = {"name": proposal.extras.secret}
    return _object(IMAGE_REPOSITORIES, namespace, proposal.repository_name, spec)


def _policy(proposal: Proposal, namespace: str) -> dict[str, Any]:
    scheme, extras = proposal.scheme, proposal.extras
    spec: dict[str, Any] = {"imageRepositoryRef": {"name": proposal.repository_name}}
    if scheme.tag_filter is not None:
        spec["filterTags"] = {"pattern": scheme.tag_filter.pattern}
        if scheme.tag_filter.extract:
            spec["filterTags"]["extract"] = scheme.tag_filter.extract
    spec["policy"] = _choice(scheme.policy)
    if extras.min_age:
        spec["policy"]["minAge"] = extras.min_age
    deny = [{"tag": tag} for tag in extras.denied_tags] + [{"pattern": pattern} for pattern in extras.denied_patterns]
    if deny:
        spec["policy"]["deny"] = deny
    if extras.platforms:
        spec["policy"]["platforms"] = list(extras.platforms)
    if scheme.digest != NEVER:
        spec["digestReflectionPolicy"] = scheme.digest
    if scheme.digest == ALWAYS:
        spec["interval"] = INTERVAL
    return _object(IMAGE_POLICIES, namespace, proposal.policy_name, spec)


def _choice(policy: Policy) -> dict[str, Any]:
    """Return a policy as a field of `spec.policy`."""
    if isinstance(policy, Semver):
        return {"semver": {"range": policy.range}}
    if isinstance(policy, Newest):
        return {"newest": {"by": str(policy.by)}}
    return {policy.name: {"order": getattr(policy, "order", "")}}


def _automation(options: AutomationOptions, targets: list[dict[str, str]]) -> dict[str, Any]:
    source = {"kind": GIT_REPOSITORY, "name": options.source}
    if options.source_namespace not in {"", options.namespace}:
        source["namespace"] = options.source_namespace
    spec = {
        "interval": AUTOMATION_INTERVAL,
        "sourceRef": source,
        "git": {
            "checkout": {"ref": {"branch": options.branch}},
            "commit": {
                "author": {"name": AUTHOR_NAME, "email": options.author_email},
                "messageTemplate": MESSAGE_TEMPLATE,
            },
        },
        "update": {
            "strategy": SETTERS,
            "path": f"./{options.path}",
            **({"targets": targets} if targets else {}),
        },
    }
    return _object(IMAGE_UPDATE_AUTOMATIONS, options.namespace, options.name, spec)


def _comment(proposal: Proposal) -> str:
    lines = textwrap.wrap(f"{proposal.image}: {proposal.reason}.", COMMENT_WIDTH, break_long_words=False)
    return "".join(f"# {line}\n" for line in lines)


class _Dumper(yaml.CSafeDumper):  # type: ignore[misc]  # comes without type hints
    """Writes texts of several lines as literal blocks."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _dump(document: dict[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return text


def join_documents(existing: bytes | None, text: str) -> bytes:
    """Return a file of manifests with more documents at its end; every byte that was there stays."""
    if not existing:
        return text.encode()
    lead = b"" if existing.endswith((b"\n", b"\r")) else b"\n"
    return existing + lead + b"---\n" + text.encode()


def describe_policy(proposal: Proposal) -> Iterator[str]:
    """Yield the policy in a few words: how tags are ranked, and which count."""
    policy = proposal.scheme.policy
    if isinstance(policy, Semver):
        yield f"semver {policy.range}"
    elif proposal.scheme.is_floating:
        yield "digest"
    elif isinstance(policy, Newest):
        yield f"newest by {policy.by}"
    else:
        yield f"{policy.name} {getattr(policy, 'order', '')}".strip()
    if proposal.scheme.tag_filter is not None:
        yield f"of tags {proposal.scheme.tag_filter.pattern}"
