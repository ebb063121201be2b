"""Exemplars: which update an observation of a histogram was about, for those who look at a slow one.

OpenMetrics bounds the labels of an exemplar to 128 characters altogether:
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md#exemplars
"""

from typing import Final

MAX_CHARS: Final = 128

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
DELAY_BUCKETS: Final = (
    *(1, 2, 5, 10, 30),
    *(60, 120, 300, 600, 1800),
    *(_HOUR, 4 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY),
)
"""Seconds from the scan that found a tag: machines take some of them, and people days."""


def make_exemplar(**labels: str) -> dict[str, str]:
    """Return the labels that have a value, the first ones first, as far as they fit; the values are never cut."""
    exemplar: dict[str, str] = {}
    left = MAX_CHARS
    for name, value in labels.items():
        length = len(name) + len(value)
        if value and length <= left:
            exemplar[name] = value
            left -= length
    return exemplar
