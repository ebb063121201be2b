"""Kubeconfig files: read, merged as kubectl does, and resolved to one cluster and one user.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
No text quotes a file's content: there are credentials in it.
"""

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from controllers.runtime.kube.errors import NotConfigured

_SECTIONS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
_FILES: Final = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
    "contexts": (),
}
"""Of each section, the fields that name a file, relative to the folder of the kubeconfig."""


class Entry(NamedTuple):
    """A named cluster, user or context, and the file that it is from."""

    content: Mapping[str, Any] = MappingProxyType({})
    source: str = ""
    """For messages: file and name."""

    def __repr__(self) -> str:
        return f"Entry({self.source})"


class Kubeconfig:
    """What all files together say."""

    def __init__(self) -> None:
        self.current_context = ""
        self.clusters: dict[str, Entry] = {}
        self.users: dict[str, Entry] = {}
        self.contexts: dict[str, Entry] = {}
        self.files: tuple[str, ...] = ()
        """Those that were read."""

    @property
    def is_empty(self) -> bool:
        return not (self.clusters or self.users or self.contexts or self.current_context)

    def context(self, name: str) -> Entry:
        """Return a context, by default the current one, an empty one where none is current. Raises NotConfigured."""
        name = name or self.current_context
        if not name:
            return Entry()
        if name not in self.contexts:
            raise NotConfigured(f'context "{name}" does not exist')
        return self.contexts[name]

    def cluster(self, chosen: str, context: Entry) -> Entry:
        """Return the cluster that a flag chooses, else the context's. Raises NotConfigured."""
        return self._named("cluster", self.clusters, chosen, context)

    def user(self, chosen: str, context: Entry) -> Entry:
        """Return the user that a flag chooses, else the context's. Raises NotConfigured."""
        return self._named("user", self.users, chosen, context)

    def _named(self, what: str, entries: Mapping[str, Entry], chosen: str, context: Entry) -> Entry:
        name = chosen or text(context, what)
        if not name:
            return Entry()
        if name in entries:
            return entries[name]
        if chosen:
            where = ", ".join(self.files) or "no kubeconfig is there"
            raise NotConfigured(f'{what} "{name}" does not exist ({where}); see --{what}')
        raise NotConfigured(f'{context.source} names the {what} "{name}", which is not among its {what}s; add it there')


def text(entry: Entry, name: str) -> str:
    """Return a field that is a text, "" where it is missing. Raises NotConfigured for anything else."""
    value = entry.content.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NotConfigured(f"{entry.source}: {name} must be a text; put it in quotes")
    return value


def flag(entry: Entry, name: str) -> bool:
    """Return a field that is true or false, by default false. Raises NotConfigured for anything else."""
    value = entry.content.get(name)
    if value is not None and not isinstance(value, bool):
        raise NotConfigured(f"{entry.source}: {name} must be true or false")
    return bool(value)


def read(paths: Sequence[str], *, required: bool) -> Kubeconfig:
    """Return what files say together; of the same name, the first counts.

    required: a file that is not there is an error, not skipped. Raises NotConfigured.
    """
    merged = Kubeconfig()
    for path in paths:
        content = _load(path, required=required)
        if content is None:
            continue
        merged.files += (path,)
        merged.current_context = merged.current_context or text(Entry(content, path), "current-context")
        for section in _SECTIONS:
            known = getattr(merged, section)
            for name, entry in _entries(path, section, content.get(section)).items():
                known.setdefault(name, entry)
    return merged


def _load(path: str, *, required: bool) -> Mapping[str, Any] | None:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        if required:
            raise NotConfigured(f"kubeconfig {path} does not exist; name another with --kubeconfig") from None
        return None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise NotConfigured(f"kubeconfig {path} cannot be read: {reason}; correct it or name another") from None
    content = _parse(path, data)
    if content is not None and not isinstance(content, dict):
        raise NotConfigured(f"kubeconfig {path} is not a mapping with clusters, users and contexts; correct the file")
    return content or {}


def _parse(path: str, data: bytes) -> Any:
    if data.lstrip()[:1] == b"{":
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            pass  # YAML's own way to write a mapping begins like this, too
    yaml: Any = importlib.import_module("yaml")  # 15 ms, not needed for JSON or in a pod
    from cli.yaml_documents import NotYaml, require_shallow  # noqa: PLC0415 -- it imports that

    try:
        require_shallow(data.decode("utf-8-sig", "replace"))
        return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except NotYaml as error:
        raise NotConfigured(f"kubeconfig {path} is {error}; correct the file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        from controllers.net.library_errors import describe  # noqa: PLC0415 -- takes longer than the file

        raise NotConfigured(f"kubeconfig {path} is not YAML: {describe(error)}; correct the file") from None


def _entries(path: str, section: str, listed: Any) -> dict[str, Entry]:
    singular = _SECTIONS[section]
    found: dict[str, Entry] = {}
    for number, item in enumerate(listed if isinstance(listed, list) else [] if listed is None else [listed]):
        name = item.get("name") if isinstance(item, dict) else None
        content = item.get(singular) if isinstance(item, dict) else None
        if not isinstance(name, str) or not (content is None or isinstance(content, dict)):
            raise NotConfigured(
                f"kubeconfig {path}: entry {number + 1} of {section} must have a name and a mapping {singular!r}"
            )
        if name in found:
            raise NotConfigured(f'kubeconfig {path} has two {section} named "{name}"; remove one')
        found[name] = _resolved(path, section, Entry(content or {}, f'kubeconfig {path}, {singular} "{name}"'))
    return found


def _resolved(path: str, section: str, entry: Entry) -> Entry:
    """Return an entry whose files are named from the root."""
    folder = os.path.dirname(os.path.abspath(path))
    content = dict(entry.content)
    for name in _FILES[section]:
        if value := text(entry, name):
            content[name] = os.path.join(folder, value)
    plugin = content.get("exec")
    command = plugin.get("command") if isinstance(plugin, dict) else None
    if isinstance(plugin, dict) and isinstance(command, str) and os.sep in command:
        # A bare name is searched for in PATH.
        content["exec"] = {**plugin, "command": os.path.join(folder, command)}
    return Entry(content, entry.source)
