import pytest

from cli.grammar.spelling import count_mistakes, nearest

KNOWN = ("repository", "policy", "update", "all")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("repositry", "repository"),
        ("reopsitory", "repository"),
        ("POLICY", "policy"),
        ("polcy", "policy"),
        ("updates", "update"),
        ("al", ""),
        ("frobnicate", ""),
        ("", ""),
    ],
)
def test_the_nearest_word_is_suggested(word: str, meant: str) -> None:
    assert nearest(word, KNOWN) == meant


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "ca", 3)],
)
def test_mistakes_are_counted(one: str, other: str, mistakes: int) -> None:
    assert count_mistakes(one, other) == count_mistakes(other, one) == mistakes
