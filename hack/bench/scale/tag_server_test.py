import json

from hack.bench.scale.tag_server import PAGE_TAGS, Tags


def read_all(tags: Tags, repository: str, limit: int) -> tuple[list[str], int]:
    """Return the tags of all pages, and how many pages there are."""
    found: list[str] = []
    page = tags.page(repository, limit=limit)
    pages = 1
    found += json.loads(page.tags)
    while page.last:
        page = tags.page(repository, after=page.last, limit=limit)
        found += json.loads(page.tags)
        pages += 1
    return found, pages


def test_pages_hold_every_tag_once_and_in_order() -> None:
    found, pages = read_all(Tags(25), "org/app", 10)
    assert found == sorted(f"1.0.{number}" for number in range(25))
    assert pages == 3


def test_full_last_page_has_no_successor() -> None:
    assert read_all(Tags(20), "org/app", 10)[1] == 2


def test_no_client_gets_more_than_a_page() -> None:
    assert len(json.loads(Tags(PAGE_TAGS + 1).page("org/app", limit=PAGE_TAGS * 2).tags)) == PAGE_TAGS


def test_added_tag_is_seen_at_once_and_in_one_repository_only() -> None:
    tags = Tags(3)
    assert "2.0.0" not in read_all(tags, "org/app", 10)[0]
    tags.add("org/app", "2.0.0")
    assert read_all(tags, "org/app", 10)[0] == ["1.0.0", "1.0.1", "1.0.2", "2.0.0"]
    tags.add("org/app", "1.0.00")
    assert read_all(tags, "org/app", 10)[0] == ["1.0.0", "1.0.00", "1.0.1", "1.0.2", "2.0.0"]
    assert read_all(tags, "org/other", 10)[0] == ["1.0.0", "1.0.1", "1.0.2"]


def test_repository_without_tags_has_an_empty_page() -> None:
    assert Tags(0).page("org/app") == (b"[]", "")
