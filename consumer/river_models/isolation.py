"""How easily random cuts isolate a number from a sample of earlier ones, in closed form.

Random Cut Forests (Guha et al. 2016) cut a sample again and again at random places and see how deep a number
comes to lie: what is usual lies deep. In one dimension the expected depth needs no trees. Going away from the
number on one side, the gap that ends at distance d is cut before all gaps nearer to it with probability
gap / d, and then it lies above the number; so the depth is the sum of gap / d over both sides.
"""

import math
import struct
from bisect import bisect_left, bisect_right, insort

NEAR = 6
"""Neighbours on each side whose gaps are added one by one; those beyond in strides that double."""
OF_DEPTH = 0.25
"""How fast the score falls with depth."""
SINGLE_MAX = 3.4e38
GENERATOR, MODULUS = 48_271, 2**31 - 1
_OF_RANGE = 40
"""The usual range leaves out the same share of the sample at either end: one of so many."""
_SINGLE = struct.Struct("<f")


def single(number: float) -> float:
    """The number in the four bytes in which samples are kept; those too large for it are the largest."""
    number = min(max(number, -SINGLE_MAX), SINGLE_MAX)
    rounded: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    return rounded


def depth(sample: list[float], number: float) -> float:
    """The expected depth of a number among an ascending sample; both rounded by `single`.

    Within a stride of many gaps the sum is about the logarithm of its two distances' ratio. Between them is
    2 * (far - near) / (far + near), which is that logarithm nearly, and stays small where one gap is the most
    of a stride. Of equal numbers each lies as deep as if they were next to each other.

    >>> depth([0.0, 1.0, 2.0, 4.0], 8.0), depth([0.0, 1.0, 2.0, 4.0], 2.0)
    (1.601190476190476, 4.5)
    """
    count, below = len(sample), bisect_left(sample, number)
    above, whole = below, 0.0
    if below < count and sample[below] == number:
        above = bisect_right(sample, number, below)
        whole = 2.0 + 2.0 * math.log(0.5 * (above - below + 1.0))
    for first, step, length in ((below - 1, -1, below), (above, 1, count - above)):
        if not length:
            continue
        whole += 1.0
        near = abs(sample[first] - number)
        for place in range(first + step, first + step * min(length, NEAR), step):
            far = abs(sample[place] - number)
            whole += (far - near) / far
            near = far
        at = NEAR
        while at < length:
            at = min(2 * at, length)
            far = abs(sample[first + step * (at - 1)] - number)
            whole += 2.0 * (far - near) / (far + near)
            near = far
    return whole


def isolation(sample: list[float], number: float) -> float:
    """From 0 to 0.78: how easily a number is isolated; of what lies beyond all others, most easily.

    >>> isolation([], 1.0), round(isolation([1.0, 2.0, 3.0], 99.0), 2)
    (0.0, 0.77)
    """
    return math.exp(-OF_DEPTH * depth(sample, number)) if sample else 0.0


def learn(sample: list[float], number: float, size: int, drawn: int) -> None:
    """Put a number into the sample; if it is full, in place of the one at the drawn rank, if there is one."""
    if len(sample) >= size:
        if drawn >= size:
            return
        del sample[drawn]
    insort(sample, number)


def next_state(state: int) -> int:
    """The next of 2**31 - 2 states of a generator (Park & Miller 1988), whose products fit 64 bits."""
    return state * GENERATOR % MODULUS


def first_state(seed: int) -> int:
    """A state of the generator.

    >>> first_state(0), first_state(-1)
    (1, 2147483646)
    """
    return seed % (MODULUS - 1) + 1


def draw(state: int, below: int) -> int:
    """A number from 0 to one less than `below`, of the generator's state."""
    return state * below // MODULUS


def usual_range(values: list[float]) -> tuple[float, float]:
    """The lowest and the highest of a sample, but for some at either end.

    >>> usual_range([1.0, 2.0, 3.0]), usual_range([])
    ((1.0, 3.0), (0.0, 0.0))
    """
    left_out = len(values) // _OF_RANGE
    return (values[left_out], values[-1 - left_out]) if values else (0.0, 0.0)
