"""The pure parts, without cluster, registry or Git: tags, policies, markers, messages."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle

from controllers import setters, template
from controllers.policy import Alphabetical, Filter, Numerical, Policy, Semver, TagIndex
from controllers.taglist import codec
from controllers.taglist.scan import build_tag_set
from hack.bench.measure import Figure, time_it

TAGS = 100_000
BUILD_FILTER = Filter(r"^main-[a-f0-9]+-(?P<ts>\d+)$", "$ts")
POLICIES: tuple[tuple[str, Policy, Filter | None], ...] = (
    ("semver", Semver(">=1.0.0"), None),
    ("numerical, filter and extract", Numerical("asc"), BUILD_FILTER),
    ("alphabetical", Alphabetical("asc"), None),
)


def figures(runs: int) -> Iterator[Figure]:
    """Yield one figure after the other; seeded, so every run sees the same data."""
    versions, builds = _versions(), _builds()
    yield time_it("scan: exclude, sort, checksum 100,000 tags", lambda: build_tag_set(versions, ()), runs=runs)
    for name, tags in (("semver-like", versions), ("branch-sha-time", builds)):
        yield from _tag_list(name, sorted(tags, reverse=True), runs)
    for name, policy, tag_filter in POLICIES:
        yield from _policy(name, builds if tag_filter else versions, policy, tag_filter=tag_filter, runs=runs)
    yield from _setters(runs)
    yield from _message(runs)


def _tag_list(name: str, tags: list[str], runs: int) -> Iterator[Figure]:
    first_seen = dict.fromkeys(tags, 1_700_000_000)
    parts = codec.encode(tags, first_seen, revision="1")
    stored = f"{name}, 100,000 tags ({len(parts)} chunks, {sum(len(p.data) for p in parts) / 1e6:.2f} MB)"
    yield time_it(f"tag list: write {stored}", lambda: codec.encode(tags, first_seen, revision="1"), runs=runs)
    yield time_it(f"tag list: read {name}", lambda: codec.decode(parts), runs=runs)


def _policy(name: str, tags: list[str], policy: Policy, *, tag_filter: Filter | None, runs: int) -> Iterator[Figure]:
    yield time_it(f"policy: {name}, first", lambda: TagIndex(tags).choose(policy, tag_filter), runs=runs)
    lists = cycle(([*tags, "main-0000000-1999999999" if tag_filter else "9.9.9"], tags))
    index = TagIndex(tags)
    index.choose(policy, tag_filter)

    def scan_again() -> None:
        # One tag comes or goes each time: an index hands what it knows on to the next, once.
        nonlocal index
        index = TagIndex(next(lists), index)
        index.choose(policy, tag_filter)

    yield time_it(f"policy: {name}, one tag comes or goes", scan_again, runs=runs)
    yield time_it(f"policy: {name}, next policy on the same tags", lambda: index.choose(policy, tag_filter), runs=runs)


def _setters(runs: int) -> Iterator[Figure]:
    marked = [(f"apps/{n}/app.yaml", _manifest(n, "1.0.0", marked=True)) for n in range(500)]
    plain = [(path, _manifest(n, "1.0.0", marked=False)) for n, (path, _) in enumerate(marked)]
    new, same = ({"default:app": setters.ImageRef("ghcr.io/org/app", tag)} for tag in ("1.0.1", "1.0.0"))
    yield time_it("markers: 500 files, all changed", lambda: setters.update(marked, new), runs=runs)
    yield time_it("markers: 500 files, up to date", lambda: setters.update(marked, same), runs=runs)
    yield time_it("markers: 500 files without any", lambda: setters.update(plain, new), runs=runs)


def _message(runs: int) -> Iterator[Figure]:
    change = template.TemplateChange("app:1.0.0", "app:1.0.1", "default:app", "ghcr.io/org/app:1.0.1")
    results = [template.FileChange("app.yaml", template.ObjectRef("apps/v1", "Deployment", "", "app"), [change])]
    data = template.TemplateData("default", "fleet", results)
    text = "{{ range .Updated.Images }}{{ println . }}{{ end }}"
    now = datetime(2024, 1, 1, tzinfo=UTC)
    yield time_it("message: one image", lambda: template.render(text, data, now=now), runs=runs)


def _versions() -> list[str]:
    tags = [f"{n // 2500}.{n // 50 % 50}.{n % 50}" for n in range(TAGS)]
    random.Random(1).shuffle(tags)  # noqa: S311 - an order, not a secret
    return tags


def _builds() -> list[str]:
    rng = random.Random(2)  # noqa: S311 - names, not secrets
    return [f"main-{rng.getrandbits(160):040x}-{1_600_000_000 + n}" for n in range(TAGS)]


def _manifest(number: int, tag: str, *, marked: bool) -> bytes:
    marker = ' # {"$imagepolicy": "default:app"}' if marked else ""
    env = "".join(f"            - name: VALUE_{n}\n              value: some value {n}\n" for n in range(4))
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
spec:
  template:
    spec:
      containers:
        - name: app
          image: ghcr.io/org/app:{tag}{marker}
          env:
{env}""".encode()
