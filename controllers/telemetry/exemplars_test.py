from controllers.telemetry.exemplars import MAX_CHARS, make_exemplar


def test_an_exemplar_has_the_labels_that_have_a_value() -> None:
    assert make_exemplar(trace_id="", policy="apps/web", tag="1.2.3") == {"policy": "apps/web", "tag": "1.2.3"}


def test_what_does_not_fit_is_left_out_and_never_cut() -> None:
    exemplar = make_exemplar(trace_id="a" * 32, policy="n" * 100, tag="1.2.3")
    assert exemplar == {"trace_id": "a" * 32, "tag": "1.2.3"}
    assert sum(len(name) + len(value) for name, value in exemplar.items()) <= MAX_CHARS
