import pytest

from hack.bench.beside.table import FLUX, HEADER, TAGLINE, Sample, row, rows, share


def sample(side: str, *walls: float, what: str = "a phase", cpu: float = 1.0, peak: float = 100.0) -> Sample:
    return Sample(side, what, walls, cpu, peak, others_cores=0.05)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_row_has_medians_spreads_and_shares() -> None:
    flux = [sample(FLUX, 20.0, cpu=8.0), sample(FLUX, 22.0, cpu=6.0, peak=170.0), sample(FLUX, 30.0, cpu=7.0)]
    tagline = [sample(TAGLINE, 5.0, cpu=1.4), sample(TAGLINE, 5.5, cpu=1.5), sample(TAGLINE, 7.0, cpu=2.0)]
    assert cells(row("1,000 repositories", flux, tagline)) == [
        "1,000 repositories",
        "22 (20–30)",
        "5.5 (5–7)",
        "0.25",
        "7",
        "1.5",
        "0.21",
        "170, 100",
        "3",
        "0.05, 0.05",
    ]


def test_header_names_every_cell() -> None:
    columns, line = HEADER.splitlines()
    assert len(cells(columns)) == len(cells(line)) == len(cells(row("x", [sample(FLUX, 1.0)], [sample(TAGLINE, 1.0)])))


def test_processor_time_is_that_of_one_repetition() -> None:
    flux, tagline = sample(FLUX, 0.08, 0.09, 0.07, cpu=0.3), sample(TAGLINE, 0.04, 0.05, 0.03, cpu=0.06)
    found = cells(row("tag pushed → commit", [flux], [tagline]))
    assert found[4:7] == ["0.1", "0.02", "0.20"]
    assert found[8] == "3"


def test_every_repetition_of_every_trial_counts_in_the_median() -> None:
    found = cells(row("x", [sample(FLUX, 1.0, 2.0), sample(FLUX, 9.0)], [sample(TAGLINE, 1.0)]))
    assert found[1:4] == ["2 (1–9)", "1", "0.50"]
    assert found[8] == "3, 1"


@pytest.mark.parametrize(
    ("flux", "tagline", "want"),
    [
        pytest.param(20.0, 5.0, "0.25", id="less"),
        pytest.param(0.1, 0.13, "1.30", id="more"),
        pytest.param(0.0, 0.01, "–", id="too-small-to-be-measured"),
    ],
)
def test_share_is_taglines_part_of_what_flux_takes(flux: float, tagline: float, want: str) -> None:
    assert share(flux, tagline) == want


def test_phases_keep_their_order_and_need_both_sides() -> None:
    samples = [
        sample(FLUX, 1.0, what="first"),
        sample(FLUX, 1.0, what="second"),
        sample(TAGLINE, 1.0, what="first"),
        sample(TAGLINE, 1.0, what="second"),
        sample(FLUX, 1.0, what="not reached"),
    ]
    assert [cells(line)[0] for line in rows(samples)] == ["first", "second"]
