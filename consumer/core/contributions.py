"""Which signals make a row of an asset anomalous, and what the others let expect of them."""

import math

SIGNALS_TOLD = 3


def contributions(
    weighed: list[float],
    deviations: list[float],
    precision: list[list[float]],
    widths: list[float],
    means: list[float],
) -> dict[int, dict[str, float]]:
    """The signals that differ most from what the others let expect, most first.

    Given all others, a signal's deviation has the variance 1 / precision[i][i], and is off by
    weighed[i] / precision[i][i].

    Shape: of d signals, `weighed` is `precision` times `deviations` -> at most 3 of them, by their place
    Units: `deviations` in `widths`; in what is returned `observed` and `expected` in the signal's own unit,
        `deviations` in standard ones, `share` of all signals' squares of these
    Source: Mason, Tracy & Young (1995), Decomposition of T2 for multivariate control chart interpretation

    >>> one = contributions([2.0, 0.0], [2.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [0.5, 1.0], [10.0, 0.0])
    >>> one[0]
    {'share': 1.0, 'expected': 10.0, 'observed': 11.0, 'deviations': 2.0}
    """
    own = [row[number] for number, row in enumerate(precision)]
    parts = [weight * weight / one for weight, one in zip(weighed, own, strict=True)]
    whole = sum(parts)
    told = {}
    for number in sorted(range(len(parts)), key=lambda number: (-parts[number], number))[:SIGNALS_TOLD]:
        observed = means[number] + deviations[number] * widths[number]
        told[number] = {
            "share": parts[number] / whole if whole else 0.0,
            "expected": observed - weighed[number] / own[number] * widths[number],
            "observed": observed,
            "deviations": weighed[number] / math.sqrt(own[number]),
        }
    return told
