"""Samples of both sides to a table. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

FLUX: Final = "Flux"
TAGLINE: Final = "tagline"
SIDES: Final = (FLUX, TAGLINE)
"""In the order in which they take turns."""
HEADER: Final = (
    "| What | Flux: wall s | tagline: wall s | ratio | Flux: CPU s | tagline: CPU s | ratio | peak MiB, both | n "
    "| others' cores |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One phase of one trial, in which something was done once or several times in a row."""

    side: str
    what: str
    walls: tuple[float, ...]
    """Seconds of each repetition."""
    cpu_seconds: float
    """Of all repetitions."""
    peak_mib: float
    others_cores: float

    @property
    def cpu_each(self) -> float:
        """CPU seconds of one repetition."""
        return self.cpu_seconds / len(self.walls)

    def line(self) -> str:
        """Return the sample as a line of progress."""
        return (
            f"{self.side:8} {self.what:58} {_spread(self.walls):24} s, CPU {self.cpu_each:.3f} s, "
            f"{self.peak_mib:.0f} MiB, others {self.others_cores:.2f} cores"
        )


def rows(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield a row for each phase that both sides have reached the end of, in the order of the samples."""
    for what in dict.fromkeys(sample.what for sample in samples):
        found = [[sample for sample in samples if (sample.side, sample.what) == (side, what)] for side in SIDES]
        if all(found):
            yield row(what, *found)


def row(what: str, flux: Sequence[Sample], tagline: Sequence[Sample]) -> str:
    """Return a row: medians of wall and CPU time, tagline's share of Flux's, greatest memory, how often."""
    walls = [[wall for sample in side for wall in sample.walls] for side in (flux, tagline)]
    cpu = [statistics.median(sample.cpu_each for sample in side) for side in (flux, tagline)]
    cells = [
        what,
        *(_spread(side) for side in walls),
        share(*(statistics.median(side) for side in walls)),
        *(f"{used:.3g}" for used in cpu),
        share(*cpu),
        ", ".join(f"{max(sample.peak_mib for sample in side):.0f}" for side in (flux, tagline)),
        _counts(*map(len, walls)),
        ", ".join(f"{statistics.median(sample.others_cores for sample in side):.2f}" for side in (flux, tagline)),
    ]
    return f"| {' | '.join(cells)} |"


def share(flux: float, tagline: float) -> str:
    """Return tagline's share of what Flux takes; none where Flux's is too small to be measured."""
    return f"{tagline / flux:.2f}" if flux else "–"


def _spread(seconds: Sequence[float]) -> str:
    middle = f"{statistics.median(seconds):.3g}"
    return middle if len(seconds) == 1 else f"{middle} ({min(seconds):.3g}–{max(seconds):.3g})"


def _counts(flux: int, tagline: int) -> str:
    return str(flux) if flux == tagline else f"{flux}, {tagline}"
