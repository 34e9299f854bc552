"""Which signals of a plant share records, in which shape, and under which partition key."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from itertools import groupby

from producer_sim.payloads.shapes import Shape, ShapeUnknown, shape_named
from producer_sim.plant.simulation import Member, Simulation

SIGNALS_TOGETHER = 4
ASSETS_SHARE = 0.1
"""The share of `mixed` that is sent as several values of assets."""

MIXED_SHARES = (
    ("key-body", 0.06),
    ("point", 0.06),
    ("bare-number", 0.06),
    ("sitewise-entry", 0.12),
    ("columns+gzip", 0.12),
    ("columns+zstd", 0.12),
    ("sitewise-entries", 0.1),
    ("kpl", 0.1),
    ("sitewise-notification", 0.06),
    ("columns", 0.2),
)
"""The shapes of the other signals of `mixed`, with their shares."""


@dataclass(frozen=True, slots=True)
class RecordGroup:
    """Signals that share records; `names` are those under which they are learned."""

    shape: Shape
    members: tuple[Member, ...]
    key: str
    names: tuple[str, ...]

    @property
    def last_position(self) -> int:
        """The position of the signal due last in a tick: the record is due with it."""
        return self.members[-1].position


def record_groups_of(simulation: Simulation, shape: str, batch: int | None = None) -> tuple[RecordGroup, ...]:
    """Every signal in one group, in the order in which they are due.

    Raises:
        ShapeUnknown: There is no such shape, or the names of the plant's signals do not suit it.
    """
    members = simulation.members
    if shape == "mixed":
        groups = list(_mixed(members, batch))
    else:
        groups = list(_record_groups(shape_named(shape, batch), members))
    return tuple(sorted(groups, key=lambda group: group.last_position))


def learned_names(groups: Sequence[RecordGroup]) -> dict[str, str]:
    """The name under which each signal of the plant is learned."""
    return {
        member.name: name for group in groups for member, name in zip(group.members, group.names, strict=True)
    }


def share_of(groups: Sequence[RecordGroup], part: int, parts: int) -> tuple[RecordGroup, ...]:
    """The groups of one of several processes, by the hash of their keys."""
    return tuple(group for group in groups if hash_of(group.key) % parts == part)


def hash_of(key: str) -> int:
    """The same number in every process."""
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest()[:8])


def _mixed(members: Sequence[Member], batch: int | None) -> Iterator[RecordGroup]:
    several = [group for group in _assets(members) if len(group) > 1]
    together: list[Member] = []
    while several and len(together) + len(several[0]) <= ASSETS_SHARE * len(members):
        together += several.pop(0)
    yield from _record_groups(shape_named("several-values"), together)
    taken = {member.position for member in together}
    alone = [member for member in members if member.position not in taken]
    start, share = 0, 0.0
    for name, weight in MIXED_SHARES:
        share += weight
        end = round(share * len(alone))
        yield from _record_groups(shape_named(name, batch), alone[start:end])
        start = end


def _record_groups(shape: Shape, members: Sequence[Member]) -> Iterator[RecordGroup]:
    for group in _groups(shape, members):
        for member in group:
            if shape.learned_as is not None and not all(member.name.rpartition(".")[::2]):
                raise ShapeUnknown(
                    f"{shape.name} needs signals' names such as line1.pump1.flow, and the plant has "
                    f"{member.name!r}: change the family's name pattern, or choose another shape"
                )
        names = tuple(shape.learned_name(member.name) for member in group)
        key = group[0].asset if shape.carries == "asset" else names[0]
        yield RecordGroup(shape, tuple(group), key, names)


def _groups(shape: Shape, members: Sequence[Member]) -> Iterator[Sequence[Member]]:
    if shape.carries == "asset":
        yield from _assets(members)
        return
    length = SIGNALS_TOGETHER if shape.carries == "four" else 1
    for start in range(0, len(members), length):
        yield members[start : start + length]


def _assets(members: Sequence[Member]) -> Iterator[Sequence[Member]]:
    """Neighbours of one asset."""
    for _, group in groupby(members, key=lambda member: member.asset):
        yield list(group)
