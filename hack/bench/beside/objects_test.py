import msgspec
import pytest

from api.imagepolicy import ImagePolicy
from controllers.policy.index import TagIndex
from controllers.selection.rules import to_rules
from hack.bench.beside import objects
from hack.bench.beside.scenarios import FEW_TAGS, REPETITIONS

TAGS = 400
RULES = dict(objects.mixed_rules(200, TAGS))


def choose(rule: objects.Json, index: TagIndex) -> str:
    policy = msgspec.convert(objects.policy("name", "image", rule), ImagePolicy)
    rules = to_rules(policy.spec)
    return index.choose(rules.policy, rules.tag_filter).tag


def test_policies_are_of_three_sorts_and_no_two_alike() -> None:
    sorts = [name.partition("-")[0] for name in RULES]
    assert {sort: sorts.count(sort) for sort in sorts} == {"semver": 100, "numerical": 70, "alphabetical": 30}
    assert len({str(rule) for rule in RULES.values()}) == len(RULES)


def test_every_policy_chooses_a_tag_and_then_the_new_one() -> None:
    index = TagIndex(f"1.0.{number}" for number in range(TAGS))
    first = {name.partition("-")[0]: choose(rule, index) for name, rule in RULES.items()}
    assert first == {"semver": "1.0.399", "numerical": "1.0.399", "alphabetical": "1.0.99"}
    for number in range(2):
        index = TagIndex([*(f"1.0.{number}" for number in range(TAGS)), objects.newer_than_all(number)])
        assert {choose(rule, index) for rule in RULES.values()} == {objects.newer_than_all(number)}


def test_no_rule_is_like_another_on_the_long_list() -> None:
    rules = dict(objects.mixed_rules(objects.Sizes().policies, objects.Sizes().list_tags))
    assert len({str(rule) for rule in rules.values()}) == objects.Sizes().policies


def test_tags_that_are_pushed_one_after_the_other_grow() -> None:
    pushed = [objects.newer_than_all(number) for number in range(objects.Sizes().pushes)]
    index = TagIndex(f"1.0.{number}" for number in range(FEW_TAGS))
    assert choose(objects.semver(), index) == objects.newest(FEW_TAGS)
    for number, tag in enumerate(pushed):
        assert choose(objects.semver(), TagIndex([objects.newest(FEW_TAGS), *pushed[: number + 1]])) == tag


@pytest.mark.parametrize("count", [1, 10, 11, objects.FLEET_FILES])
def test_every_tenth_small_file_is_marked(count: int) -> None:
    texts = [text for _, text in objects.small_files(count, "registry.example.com/app:1.0.0", "app")]
    assert sum('{"$imagepolicy": "bench:app"}' in text for text in texts) == objects.count_marked(count)
    assert len(texts) == count


@pytest.mark.parametrize("count", [100, 1_000])
def test_marked_files_of_the_large_repository_are_counted_by_service(count: int) -> None:
    files = dict(objects.large_files(count, "registry.example.com", "1.0.0"))
    counts = objects.count_marked_by_service(count)
    assert len(files) == count
    for service in objects.services():
        line = f'registry.example.com/{service}:1.0.0 # {{"$imagepolicy": "bench:{service}"}}'
        assert sum(text.count(line) for text in files.values()) == counts[service]
    assert sum(counts.values()) == 2 * count // 20
    assert all(counts[service] for service in objects.services()[:REPETITIONS])
