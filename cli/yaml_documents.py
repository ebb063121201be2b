"""The documents of a YAML or JSON text as Kubernetes' tools read them, each with the line that it begins at."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

MAX_VALUES: Final = 500_000
"""In one document, each alias counted as what it stands for."""
MAX_DEPTH: Final = 100
_SURELY_SHALLOW: Final = 5000
"""Signs of a text that nest, or columns of its longest line, up to which no stack ends."""

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_VALUE: Final = "tag:yaml.org,2002:value"
"""`=`, which no tool of Kubernetes gives a meaning."""
_MERGE: Final = "tag:yaml.org,2002:merge"


class NotYaml(Exception):
    """The text cannot be read; `place` is `line`, `line:column`, or empty where it is unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.place = ":".join(str(number) for number in (line, column) if number)


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]  # an untyped base class
    """Dates stay texts, as in JSON; a key may be there once, as for the API server."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_TIMESTAMP, _VALUE)]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == _MERGE or not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise NotYaml(f"not YAML: the key {key.value} is there twice", key.start_mark.line + 1)
            seen.add(key.value)
        built: dict[Any, Any] = super().construct_mapping(node, deep)
        return built


# Behind a colon `<<` is text.
_Loader.add_constructor(_MERGE, _Loader.construct_yaml_str)


def load_documents(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield first line (from 1) and value of each document that is not empty. Raises NotYaml."""
    try:
        text = data.decode("utf-8-sig")
        require_shallow(text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                _require_bounded(node)
                value = loader.construct_document(node)
                if value is not None:
                    yield node.start_mark.line + 1, value
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise NotYaml(f"not UTF-8 at byte {error.start}; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else ()
        raise NotYaml(f"not YAML: {error.problem or error.context}", *place) from None
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(f"not YAML: {str(error).partition(chr(10))[0]}") from None
    except RecursionError:
        raise NotYaml("not YAML: it is nested too deeply") from None


def require_shallow(text: str) -> None:
    """Raise NotYaml for a text whose nesting would end the stack of libyaml's composer, and with it the process.

    Collections in brackets nest by a sign each; those without begin in a column of their own, or in that of the mapping
    around. What may be deep by this is read once more, event by event. Raises YAMLError for what is no YAML.
    """
    brackets = text.count("[") + text.count("{")
    if brackets <= _SURELY_SHALLOW and all(len(line) <= _SURELY_SHALLOW for line in text.splitlines()):
        return
    depth = -1
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise NotYaml("not YAML: it is nested too deeply", event.start_mark.line + 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _require_bounded(root: Any) -> None:
    """Raise NotYaml for a document that aliases make larger than memory, or that is nested without end."""
    sizes: dict[int, int] = {}

    def measure(node: Any, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise NotYaml("not YAML: it is nested too deeply", node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in sizes:
            sizes[id(node)] = MAX_VALUES + 1  # what contains itself has no end
            children = node.value if isinstance(node, yaml.SequenceNode) else [x for pair in node.value for x in pair]
            sizes[id(node)] = 1 + sum(measure(child, depth + 1) for child in children)
        if sizes[id(node)] > MAX_VALUES:
            raise NotYaml(f"not YAML: its aliases stand for more than {MAX_VALUES} values", node.start_mark.line + 1)
        return sizes[id(node)]

    measure(root, 0)
