"""What is copied from the base: files with what they lead to, and nothing through a link that leads elsewhere."""

from pathlib import Path

from hack.image.inside import dpkg, system


def test_a_link_is_copied_with_what_it_leads_to(tmp_path: Path) -> None:
    base, root = tmp_path / "base", tmp_path / "root"
    (base / "usr/lib").mkdir(parents=True)
    (base / "usr/lib/libx.so.1.2").write_text("x")
    (base / "usr/lib/libx.so.1").symlink_to("libx.so.1.2")
    (base / "lib").symlink_to("usr/lib")
    root.mkdir()
    rootfs = system.Rootfs(root)
    rootfs.copy(base / "lib/libx.so.1")
    copied = root / base.relative_to("/") / "usr/lib"
    assert (copied / "libx.so.1").readlink() == Path("libx.so.1.2")
    assert (copied / "libx.so.1.2").read_text() == "x"
    assert rootfs.sources == {str(base / "usr/lib/libx.so.1.2")}


def test_a_folder_is_copied_whole_and_dead_links_stay(tmp_path: Path) -> None:
    base, root = tmp_path / "base", tmp_path / "root"
    (base / "certs").mkdir(parents=True)
    (base / "certs/a.pem").write_text("a")
    (base / "certs/0.0").symlink_to("a.pem")
    (base / "certs/dead").symlink_to("gone")
    root.mkdir()
    system.Rootfs(root).copy(base / "certs")
    copied = root / base.relative_to("/") / "certs"
    assert {path.name for path in copied.iterdir()} == {"a.pem", "0.0", "dead"}


def test_packages_are_found_by_their_files_also_where_usr_was_merged_later(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    for name, files in {
        "libc6:amd64": "/lib/x/libc.so.6",
        "libssl3": "/usr/lib/x/libssl.so.3",
        "perl": "/usr/bin/perl",
    }.items():
        (tmp_path / "info" / f"{name}.list").write_text(f"/.\n{files}\n")
    known = {
        name: dpkg.Package(name, "1", "amd64", name, "1", "", "") for name in ("libc6", "libssl3", "perl", "tzdata")
    }
    found = dpkg.owners(["/usr/lib/x/libc.so.6", "/usr/lib/x/libssl.so.3"], known, database=tmp_path)
    assert [package.name for package in found] == ["libc6", "libssl3", "tzdata"]
