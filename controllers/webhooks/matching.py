"""Which images an event wakes: those whose canonical name is the event's, among those that a Receiver lists.

A host that a payload names is only ever compared with those of ImageRepositories. Tags are hints: up to MAX_HINTS of
one image can be asked for at once, of more the whole list is scanned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from controllers.image.reference import BadReference, Image, parse_image
from controllers.webhooks.verdict import Action, Event, Name

KIND: Final = "ImageRepository"
AUTOMATION: Final = "ImageUpdateAutomation"
EVERY: Final = "*"
"""In place of a name."""
MAX_HINTS: Final = 16
_DOCKER_HUB: Final = "index.docker.io"
_DOCKER_HUB_NAMES: Final = frozenset(("docker.io", "registry-1.docker.io", "registry.hub.docker.com", _DOCKER_HUB))
_HTTPS_PORT: Final = ":443"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """An ImageRepository, or an ImageUpdateAutomation, as far as it matters here."""

    namespace: str
    name: str
    image: str = ""
    """`spec.image` of an ImageRepository."""
    suspended: bool = False
    labels: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One item of `spec.resources`."""

    kind: str
    name: str
    """`*` for all, which may be restricted by labels."""
    namespace: str = ""
    """Empty: that of the Receiver."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wake:
    """An ImageRepository that is to be reconciled."""

    subject: Subject
    tags: tuple[str, ...] = ()
    """To be asked for first; none: a scan of the whole list."""
    digests: tuple[str, ...] = ()
    """Of the tags, in their order; empty where the sender did not say one."""


@dataclass(frozen=True, slots=True)
class Passed:
    """An event that wakes nothing, and why."""

    event: Event
    why: str


@dataclass(frozen=True, slots=True)
class Wakeups:
    """What a request does."""

    wakes: tuple[Wake, ...]
    """By namespace and name, each once."""
    passed: tuple[Passed, ...]


def in_scope(
    subjects: Iterable[Subject],
    resources: Sequence[Resource],
    *,
    namespace: str,
    kind: str = KIND,
    allows_others: bool = True,
) -> list[Subject]:
    """Return the subjects that a Receiver lists.

    kind: theirs; namespace: the Receiver's; allows_others: whether it may name those of other namespaces.
    """
    wanted = [
        resource
        for resource in resources
        if resource.kind == kind and (allows_others or resource.namespace in ("", namespace))
    ]
    return [subject for subject in subjects if any(_lists(resource, subject, namespace) for resource in wanted)]


def _lists(resource: Resource, subject: Subject, namespace: str) -> bool:
    if subject.namespace != (resource.namespace or namespace):
        return False
    if resource.name != EVERY:
        return subject.name == resource.name
    return all(subject.labels.get(key) == value for key, value in resource.labels.items())


def match(events: Iterable[Event], subjects: Iterable[Subject], *, registry: str = "") -> Wakeups:
    """Return what some events wake. Many of one image become one wake-up.

    registry: the host under which the images are known, in place of those that the events name.
    """
    index = _Index(subjects)
    tags: dict[Subject, dict[str, str] | None] = {}
    passed: list[Passed] = []
    for event in events:
        found, why = _find(event, index, registry)
        for subject in found:
            _add(tags, subject, event)
        if not found:
            passed.append(Passed(event, why))
    wakes = [Wake(subject, tuple(hints or ()), tuple((hints or {}).values())) for subject, hints in tags.items()]
    return Wakeups(tuple(sorted(wakes, key=lambda wake: wake.subject)), tuple(passed))


def _add(tags: dict[Subject, dict[str, str] | None], subject: Subject, event: Event) -> None:
    """Note a tag and its digest; None stands for all tags."""
    hints = tags.setdefault(subject, {})
    if hints is None:
        return
    if event.tag:
        hints[event.tag] = event.digest or hints.get(event.tag, "")
    if not event.tag or len(hints) > MAX_HINTS:
        tags[subject] = None


def _find(event: Event, index: "_Index", registry: str) -> tuple[list[Subject], str]:
    """Return the subjects that an event wakes; without any, why."""
    if event.action is Action.CODE:
        return [], f"{event.detail}, which wakes ImageUpdateAutomations alone"
    if event.action is not Action.PUSH:
        return [], event.detail or str(event.action)
    found = index.everything if event.wakes_all else index.find(event.names, registry)
    awake = [subject for subject in found if not subject.suspended]
    if awake:
        return awake, ""
    return [], "it is suspended" if found else "no ImageRepository in scope has this image"


class _Index:
    """Subjects by their canonical images, and by the path of these alone."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self.everything: list[Subject] = []
        self._by_image: dict[Image, list[Subject]] = {}
        self._by_path: dict[str, list[Subject]] = {}
        for subject in subjects:
            self.everything.append(subject)
            try:
                image = canonical(parse_image(subject.image))
            except BadReference:  # its own condition says so
                continue
            self._by_image.setdefault(image, []).append(subject)
            self._by_path.setdefault(image.repository, []).append(subject)

    def find(self, names: Iterable[Name], registry: str) -> list[Subject]:
        found: dict[Subject, None] = {}
        for name in names:
            host = registry or name.host
            known = self._by_image.get(canonical(Image(host, name.repository)), ()) if host else ()
            for subject in known if host else self._by_path.get(name.repository.lower(), ()):
                found[subject] = None
        return list(found)


def canonical(image: Image) -> Image:
    """Return an image in the form in which two are compared: lower case, no default port, one name for Docker Hub.

    Registries allow no capitals in paths, and hosts have no case; senders keep those of a user's name.
    """
    registry = image.registry.lower().removesuffix(_HTTPS_PORT)
    repository = image.repository.lower().strip("/")
    if registry in _DOCKER_HUB_NAMES:
        registry = _DOCKER_HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return Image(registry, repository)
