"""Courses of blocks of several lengths, of which the shorter are the parts of the longer."""

import math
from dataclasses import dataclass, field

from consumer.core.course import Course

WIDER = 4
"""Blocks that make one of the next scale."""
_HALVED = 2.0
"""The root of that: by how much the deviation of independent blocks falls with each scale."""
_SCALES = 5
"""With blocks of 8 values up to 2,048: means of whole cycles, in which the cycles do not show."""


def _courses() -> list[Course]:
    return [Course() for _ in range(_SCALES)]


def _sums() -> list[float]:
    return [0.0] * (_SCALES - 1)


@dataclass(slots=True)
class Scales:
    """A step is seen soon on the shortest scale; what is small, slow, or in a cycle, on a longer one."""

    courses: list[Course] = field(default_factory=_courses)
    sums: list[float] = field(default_factory=_sums)
    """Of the blocks that wait for the next scale."""
    blocks: int = 0

    def __reduce__(self) -> tuple[type["Scales"], tuple[object, ...]]:
        return Scales, tuple(getattr(self, name) for name in self.__slots__)

    @property
    def shortest(self) -> Course:
        """That of the blocks that are learned."""
        return self.courses[0]

    def learn_one(self, block: float, least: float, finer: float) -> tuple[float, int]:
        """Learn a block on all scales that it completes: how sure the surest of them is, and which it is.

        `least` is what rounding may do to a block, `finer` its deviation if its values were independent.
        """
        self.blocks += 1
        best, best_scale, independent, count = 0.0, 0, math.inf, self.blocks
        for scale, course in enumerate(self.courses):
            slow, is_longest = 0.0, scale + 1 == _SCALES
            if not is_longest:
                slow = self.courses[scale + 1].slow_variance(course.deviation / _HALVED)
            sure = course.learn_one(block, least, finer, independent, slow)
            if sure > best:
                best, best_scale = sure, scale
            if is_longest:
                break
            self.sums[scale] += block
            if count % WIDER:
                break
            count //= WIDER
            block, self.sums[scale] = self.sums[scale] / WIDER, 0.0
            finer, independent = course.deviation / _HALVED, course.independent
        return best, best_scale
