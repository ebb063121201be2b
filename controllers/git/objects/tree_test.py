"""Trees, links and scans over objects in memory; what is read is counted."""

from collections.abc import Iterable, Mapping

import pytest
from dulwich.objects import Tree
from hypothesis import given
from hypothesis import strategies as st

from controllers.git.errors import PathMissing, PathOutside, ProtocolError, RepositoryTooLarge
from controllers.git.objects.hashing import SHA1, SHA256, NewObject, ObjectFormat, new_object
from controllers.git.objects.scan import FileFilter, ScanCache, find_marked_files
from controllers.git.objects.tree import MAX_DEPTH, find_entry, replace_files

MARK = b"MARK"
FILE, SCRIPT, LINK, MODULE = 0o100644, 0o100755, 0o120000, 0o160000

Node = bytes | tuple[int, bytes] | Mapping[str, object]


class Objects:
    """Objects by id, and how often each was read."""

    def __init__(self, object_format: ObjectFormat = SHA1) -> None:
        self.object_format = object_format
        self.content: dict[str, bytes] = {}
        self.reads: list[str] = []

    def read(self, object_id: str, kind: str) -> bytes:
        assert kind in ("tree", "blob")
        self.reads.append(object_id)
        return self.content[object_id]

    def add(self, files: Mapping[str, object]) -> str:
        """Add a tree of names → content, (mode, content), or folder. Return its id."""
        tree = Tree()
        for name, node in files.items():
            if isinstance(node, Mapping):
                tree.add(name.encode(), 0o40000, self.add(node).encode())  # type: ignore[arg-type]  # an id
                continue
            mode, data = node if isinstance(node, tuple) else (FILE, node)
            blob = new_object("blob", data, self.object_format)
            self.keep([blob])
            tree.add(name.encode(), mode, blob.id.encode())  # type: ignore[arg-type]  # an id
        made = new_object("tree", tree.as_raw_string(), self.object_format)
        self.keep([made])
        return made.id

    def keep(self, made: Iterable[NewObject]) -> None:
        self.content |= {o.id: o.data for o in made}


def is_yaml(name: str) -> bool:
    return name.endswith(".yaml")


FILTER = FileFilter(is_yaml, lambda data: MARK in data)


def scan(objects: Objects, root: str, path: str = "", cache: ScanCache | None = None) -> list[tuple[str, str]]:
    found = find_marked_files(objects.read, root, path, file_filter=FILTER, cache=cache or ScanCache())
    return [(f.path, f.target) for f in found]


def test_only_wanted_names_with_the_marker_in_walk_order() -> None:
    objects = Objects()
    folder = {"a.yaml": MARK, "b.txt": MARK, "c.yaml": b"nothing"}
    root = objects.add({"z.yaml": MARK, "a": folder, "a.yaml": MARK + b"2", "a-b": {".hidden": {"x.yaml": MARK}}})
    want = ["a/a.yaml", "a-b/.hidden/x.yaml", "a.yaml", "z.yaml"]
    assert scan(objects, root) == [(p, p) for p in want]


@pytest.mark.parametrize(
    ("target", "resolved"),
    [
        pytest.param(b"../base/app.yaml", "base/app.yaml", id="beside"),
        pytest.param(b"../dir/app.yaml", "base/app.yaml", id="through-a-linked-folder"),
        pytest.param(b"../hop.yaml", "base/app.yaml", id="over-two-links"),
        pytest.param(b"./../overlay/./../base//app.yaml", "base/app.yaml", id="roundabout"),
        pytest.param(b"../nowhere.yaml", None, id="dangling"),
        pytest.param(b"../base", None, id="to-a-folder"),
        pytest.param(b"../plain.yaml", None, id="without-marker"),
        pytest.param(b"../../../etc/passwd", None, id="out-of-the-repository"),
        pytest.param(b"/etc/passwd", None, id="absolute"),
        pytest.param(b"link.yaml", None, id="to-itself"),
        pytest.param(b"../base/app.yaml/x", None, id="into-a-file"),
        pytest.param(b"x" * 5000, None, id="absurdly-long"),
        pytest.param(b"", None, id="empty"),
    ],
)
@pytest.mark.parametrize("object_format", [SHA1, SHA256], ids=str)
def test_links(target: bytes, resolved: str | None, object_format: ObjectFormat) -> None:
    objects = Objects(object_format)
    root = objects.add(
        {
            "base": {"app.yaml": MARK},
            "dir": (LINK, b"base"),
            "hop.yaml": (LINK, b"dir/app.yaml"),
            "plain.yaml": b"nothing",
            "overlay": {"link.yaml": (LINK, target)},
        }
    )
    want = [("hop.yaml", "base/app.yaml")] + ([("overlay/link.yaml", resolved)] if resolved else [])
    assert [found for found in scan(objects, root) if found[0] != "base/app.yaml"] == want


def test_links_that_lead_out_of_the_path_are_not_followed() -> None:
    objects = Objects()
    root = objects.add({"base": {"app.yaml": MARK}, "overlay": {"app.yaml": (LINK, b"../base/app.yaml")}})
    assert scan(objects, root, "overlay") == []
    assert scan(objects, root, "base") == [("base/app.yaml", "base/app.yaml")]


def test_a_path_may_be_a_file_or_lead_over_a_link() -> None:
    objects = Objects()
    root = objects.add({"base": {"app.yaml": MARK, "x.txt": MARK}, "dir": (LINK, b"base")})
    for path in ("base/app.yaml", "dir/app.yaml", "/base/app.yaml", "./base/../base/app.yaml"):
        assert scan(objects, root, path) == [("base/app.yaml", "base/app.yaml")]
    assert scan(objects, root, "dir") == [("base/app.yaml", "base/app.yaml")]
    assert scan(objects, root, "base/x.txt") == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "out", "abs"])
def test_paths_that_lead_out_of_the_repository(path: str) -> None:
    objects = Objects()
    root = objects.add({"a": {"b.yaml": MARK}, "out": (LINK, b"../.."), "abs": (LINK, b"/etc")})
    with pytest.raises(PathOutside, match="leads out of the repository"):
        find_entry(objects.read, root, path)


@pytest.mark.parametrize("path", ["x", "a/x", "a/b.yaml/c", "loop"])
def test_missing_paths(path: str) -> None:
    objects = Objects()
    root = objects.add({"a": {"b.yaml": MARK}, "loop": (LINK, b"loop")})
    with pytest.raises(PathMissing, match="no such file or directory"):
        find_entry(objects.read, root, path)


def test_unchanged_objects_are_not_read_again() -> None:
    objects, cache = Objects(), ScanCache()
    files = {f"d{d}": {f"f{f}.yaml": b"%d %d" % (d, f) for f in range(20)} for d in range(50)}
    files["d7"]["marked.yaml"] = MARK
    root = objects.add(files)
    scan(objects, root, cache=cache)
    assert len(objects.reads) == 1 + 50 + 50 * 20 + 2  # root, folders, files, the marked one twice
    objects.reads.clear()
    assert scan(objects, root, cache=cache) == [("d7/marked.yaml", "d7/marked.yaml")]
    assert len(objects.reads) == 1  # the marked file itself
    files["d3"]["f1.yaml"] = b"changed"
    changed = objects.add(files)
    objects.reads.clear()
    scan(objects, changed, cache=cache)
    assert len(objects.reads) == 1 + 1 + 1 + 1  # root, folder, file, the marked one


def test_the_scan_cache_is_bounded() -> None:
    objects, cache = Objects(), ScanCache(blobs=3, trees=2)
    root = objects.add({f"d{d}": {f"f{f}.yaml": MARK + b"%d" % f for f in range(9)} for d in range(9)})
    assert len(scan(objects, root, cache=cache)) == 81


def test_a_tree_nested_without_end_is_refused() -> None:
    objects = Objects()
    root = objects.add({"x.yaml": MARK})
    for _ in range(MAX_DEPTH + 2):
        tree = Tree()
        tree.add(b"d", 0o40000, root.encode())  # type: ignore[arg-type]  # an id
        objects.content[root := tree.id.decode()] = tree.as_raw_string()
    with pytest.raises(RepositoryTooLarge, match="folders in each other"):
        scan(objects, root)


def test_a_tree_that_multiplies_is_refused() -> None:
    objects = Objects()
    root = objects.add({f"f{n}.yaml": MARK for n in range(10)})
    for _ in range(6):
        tree = Tree()
        for n in range(10):
            tree.add(b"%d" % n, 0o40000, root.encode())  # type: ignore[arg-type]  # an id
        objects.content[root := tree.id.decode()] = tree.as_raw_string()
    with pytest.raises(RepositoryTooLarge, match="files with markers"):
        scan(objects, root)


@pytest.mark.parametrize("length", [40, 64])
@pytest.mark.parametrize(
    "raw", [pytest.param(b"nonsense", id="nonsense"), pytest.param(b"100644 a\0" + b"x" * 19, id="cut")]
)
def test_a_malformed_tree(raw: bytes, length: int) -> None:
    objects = Objects()
    objects.content["0" * length] = raw
    with pytest.raises(ProtocolError, match="is malformed"):
        scan(objects, "0" * length)


def test_a_tree_is_read_with_ids_as_long_as_its_own() -> None:
    objects = Objects()
    objects.content["0" * 64] = b"100644 a\0" + b"x" * 20
    with pytest.raises(ProtocolError, match="is malformed"):
        scan(objects, "0" * 64)


names = st.text("abc.", min_size=1, max_size=3).filter(lambda n: n.strip("."))
trees = st.recursive(st.binary(max_size=4), lambda below: st.dictionaries(names, below, min_size=1, max_size=4))


def files_of(tree: Mapping[str, object], at: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, node in tree.items():
        if isinstance(node, Mapping):
            found |= files_of(node, f"{at}{name}/")
        else:
            assert isinstance(node, bytes)
            found[at + name] = node
    return found


FORMATS = (SHA1, SHA256)


@given(trees.filter(lambda t: isinstance(t, dict)), st.sampled_from(FORMATS), st.data())
def test_replacing_changes_those_files_and_nothing_else(
    tree: dict[str, object], object_format: ObjectFormat, data: st.DataObject
) -> None:
    objects = Objects(object_format)
    root = objects.add(tree)
    before = files_of(tree)
    edits = data.draw(st.dictionaries(st.sampled_from(sorted(before)), st.binary(max_size=4))) if before else {}
    new_root, made = replace_files(objects.read, root, {p.encode(): c for p, c in edits.items()})
    objects.keep(made)
    assert (new_root == root) == all(before[p] == c for p, c in edits.items())
    for path, content in (before | edits).items():
        entry = find_entry(objects.read, new_root, path)
        assert (objects.read(entry.id, "blob"), entry.mode) == (content, FILE)
    assert len({o.id for o in made}) <= len(edits) * (1 + max((p.count("/") + 1 for p in edits), default=0))


@pytest.mark.parametrize("object_format", FORMATS, ids=str)
def test_modes_links_and_modules_stay(object_format: ObjectFormat) -> None:
    objects = Objects(object_format)
    root = objects.add({"s.yaml": (SCRIPT, MARK), "l.yaml": (LINK, b"s.yaml"), "m": (MODULE, b"x"), "d": {"e": b"1"}})
    new_root, made = replace_files(objects.read, root, {b"s.yaml": b"new"})
    objects.keep(made)
    modes = {e.path: e.mode for e in (find_entry(objects.read, new_root, p) for p in ("s.yaml", "d"))}
    assert modes == {b"s.yaml": SCRIPT, b"d": 0o40000}
    assert [(o.kind, len(o.id)) for o in made] == [(kind, object_format.hex_length) for kind in ("blob", "tree")]


@pytest.mark.parametrize("path", [b"missing", b"l.yaml", b"d", b"d/missing", b"s.yaml/x"])
def test_only_files_that_are_there_are_replaced(path: bytes) -> None:
    objects = Objects()
    root = objects.add({"s.yaml": MARK, "l.yaml": (LINK, b"s.yaml"), "d": {"e": b"1"}})
    with pytest.raises(PathMissing):
        replace_files(objects.read, root, {path: b"new"})
