from controllers.receiver.rates import MAX_BUCKETS, Rates


def test_a_rate_is_for_each_by_itself() -> None:
    rates = Rates(2)
    assert [rates.allow("a", 0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert rates.allow("b", 0)
    assert [rates.allow("a", 1) for _ in range(3)] == [True, True, False]


def test_a_rate_below_one_lets_one_through() -> None:
    rates = Rates(0.01)
    assert [rates.allow("a", 0), rates.allow("a", 50), rates.allow("a", 101)] == [True, False, True]


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    rates = Rates(0.5)
    assert rates.allow("a", 0)
    for number in range(MAX_BUCKETS):
        rates.allow(number, 0)
    assert len(rates._buckets) == MAX_BUCKETS
    assert rates.allow("a", 0)
