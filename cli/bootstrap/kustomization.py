"""One more line in the resources of somebody's kustomization.yaml: every other byte stays. Pure."""

from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from cli.grammar.session import Failed
from cli.yaml_documents import NotYaml, load_documents


def resources_of(data: bytes, path: str) -> list[str]:
    """Return the resources that a kustomization names. Raises Failed for what is none."""
    found = _load(data, path)
    return [str(one) for one in found.get("resources") or ()]


def with_resource(data: bytes, name: str, path: str) -> bytes:
    """Return a kustomization with one more resource, or as it is where it has that. Raises Failed.

    path: of the file, for messages
    """
    before = _load(data, path)
    resources = before.get("resources")
    if resources is not None and not isinstance(resources, list):
        raise Failed(f"{path}: resources is not a list; {_by_hand(name)}")
    if name in _plain(resources or ()):
        return data
    text, (bom, eol) = _decode(data, path), _conventions(data)
    changed = _spliced(text, name, eol)
    if changed is None or _resources_after(changed, before) != [*(resources or ()), name]:
        raise Failed(f"{path} cannot be changed without touching more than one line; {_by_hand(name)}")
    return bom + changed.encode()


def _spliced(text: str, name: str, eol: str) -> str | None:
    root = yaml.compose(text, yaml.SafeLoader)
    node = next((value for key, value in root.value if key.value == "resources"), None)
    if node is None:
        return f"{_ended(text, eol)}resources:{eol}- {name}{eol}"
    if not isinstance(node, yaml.SequenceNode):  # `resources:` and nothing behind it
        at = node.end_mark.index
        key_end = next(key.end_mark.index for key, _ in root.value if key.value == "resources")
        colon = text.index(":", key_end) + 1
        return f"{text[:colon]}{eol}- {name}{text[max(at, colon) :]}"
    if node.flow_style:
        close = node.end_mark.index - 1
        last = node.value[-1].end_mark.index if node.value else close
        return f"{text[:last]}{', ' if node.value else ''}{name}{text[last:]}"
    last = node.value[-1]
    indent = " " * _dash_column(text, last.start_mark.index)
    end = text.find("\n", last.end_mark.index if last.end_mark.column else last.end_mark.index - 1)
    if end < 0:
        return f"{text}{eol}{indent}- {name}"
    return f"{text[: end + 1]}{indent}- {name}{eol}{text[end + 1 :]}"


def _dash_column(text: str, at: int) -> int:
    """Return the column of the dash before an entry of a block sequence."""
    dash = text.rindex("-", 0, at)
    return dash - (text.rfind("\n", 0, dash) + 1)


def _ended(text: str, eol: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}{eol}"


def _conventions(data: bytes) -> tuple[bytes, str]:
    bom = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return bom, "\r\n" if b"\r\n" in data else "\n"


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failed(f"{path} is not a text in UTF-8") from None


def _load(data: bytes, path: str) -> dict[str, Any]:
    _decode(data, path)
    try:
        documents = [value for _, value in load_documents(data)]
    except NotYaml as error:
        place = f":{error.place}" if error.place else ""
        raise Failed(f"{path}{place}: {error}; mend it in the repository first") from None
    found = documents[0] if len(documents) == 1 else None
    if not isinstance(found, dict):
        raise Failed(f"{path} is not a kustomization; mend it in the repository first")
    return found


def _resources_after(text: str, before: dict[str, Any]) -> list[Any] | None:
    """Return the resources of a changed text, None where anything else has changed."""
    try:
        after = next((value for _, value in load_documents(text.encode())), None)
    except NotYaml:
        return None
    rest = {key: value for key, value in before.items() if key != "resources"}
    if not isinstance(after, dict) or {key: value for key, value in after.items() if key != "resources"} != rest:
        return None
    return after.get("resources")


def _plain(resources: Any) -> list[str]:
    """Return names as kustomize takes them: `./tagline/` is `tagline`."""
    return [str(one).removeprefix("./").rstrip("/") for one in resources]


def _by_hand(name: str) -> str:
    return f"add `{name}` to its resources by hand, and repeat"
