"""`python -m ops mute` and `unmute`: no alerts from signals for a time; repair of the mutes."""

import asyncio
import getpass
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from clients.terminal import echo, printable
from consumer.decode.values import iso8601
from consumer.detectors.local_time import UTC_NAME
from consumer.errors import ConfigurationError, ConsumerError, PageChanged, Unavailable
from consumer.settings.patterns import is_wild, literal, matching
from ops.formatting import moment, pluralize, shown
from ops.options import NAMES, TargetOptions, Yes, check_unchanged, confirmed, with_target

if TYPE_CHECKING:
    from consumer.events.mutes import Mute
    from ops.state.mutes_file import Mutes
    from ops.target import Target

Asset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Signals of this asset, as signals.yaml or their own names have it."),
]
Line = Annotated[
    str | None, typer.Option(metavar="NAME", help="Signals of this line, as signals.yaml has it.")
]
Every = Annotated[
    str | None, typer.Option(metavar="TIMES", help="Each week: 'Sat 06:00-14:00', 'Mon-Fri 22:00-06:00'.")
]
InCalendar = Annotated[
    str | None,
    typer.Option("--calendar", metavar="FILE", help="During the events of this calendar of signals.yaml."),
]
_FOREVER = "2100-01-01T00:00:00Z"
_SAME_END_S = 60.0
_NAMED = 3


class Conditions(NamedTuple):
    """What a mute depends on, beside its pattern; None: it does not."""

    asset: str | None = None
    line: str | None = None
    every: str | None = None
    calendar: str | None = None

    @property
    def are_set(self) -> bool:
        """Whether it depends on any."""
        return self != Conditions()

    @classmethod
    def of(cls, mute: "Mute") -> "Conditions":
        """Those of a mute."""
        return cls(mute.asset, mute.line, mute.every, mute.calendar)


@with_target
def mute(
    options: TargetOptions,
    pattern: Annotated[str | None, typer.Argument(help=f"{NAMES} With --asset or --line: all.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="2026-01-31T18:00:00Z, or from now: 2h, 3d.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="For a maintenance window; default: now.")
    ] = None,
    asset: Asset = None,
    line: Line = None,
    every: Every = None,
    calendar: InCalendar = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Shown to other operators.")] = "",
    yes: Yes = False,
) -> None:
    """Keep the events of signals from all alerts for a time, within a minute. They are still learned.

    With --every or --calendar, at times that come again, until --until if it is given.
    """
    from ops.state.mutes_file import change_mutes, read_mutes
    from ops.target import find_each

    conditions = Conditions(asset, line, every, calendar)
    if until is None and every is None and calendar is None:
        raise typer.BadParameter("give --until TIME; or --every TIMES, or --calendar FILE, without an end")
    if pattern is None and asset is None and line is None:
        raise typer.BadParameter("give PATTERN; or --asset NAME, or --line NAME")
    pattern = "*" if pattern is None else pattern
    targets, now_s = find_each(options), time.time()
    target = targets[0]
    target.check_writable()
    until_s = moment(_FOREVER if until is None else until, now_s)
    from_s = None if from_ is None else moment(from_, now_s)
    if until_s <= max(now_s, from_s or now_s):
        raise ConfigurationError(f"--until is {shown(until_s)}, which is not after {shown(from_s or now_s)}")
    names, unknown = _names(targets)
    if pattern in names:
        pattern = literal(pattern)
    time_zone = UTC_NAME
    if conditions.are_set:
        names, time_zone = _of_plant(target, names, conditions)
    begins_s = now_s if from_s is None else from_s
    new = new_mute(pattern, begins_s, until_s, reason, options.use_case, conditions, time_zone)
    objects = target.objects()
    present = asyncio.run(read_mutes(objects))
    if (same := _same(present, new, from_s, now_s)) and _agrees(same, new):
        echo(f"{pattern} is already muted, {_time(same)}: there is nothing to do")
        return
    instead = f", instead of {_time(same)}" if same else ""
    confirmed(
        f"Mute {_what(new)} in {target.name}, {_time(new)}{instead}: {unknown or _matching(names, pattern)}. "
        "They are still learned; their events are marked `muted`, and trigger no alert.",
        yes,
    )

    def change(mutes: "Mutes") -> "Mutes":
        at_s = time.time()
        check_unchanged(same, _same(mutes, new, from_s, at_s), f"the mute of {pattern}")
        return _with(mutes, new, from_s, at_s)

    asyncio.run(change_mutes(objects, change, now_s))
    echo(f"Muted: {_what(new)}, {_time(new)}. The functions act on it within a minute")


@with_target
def unmute(
    options: TargetOptions,
    pattern: Annotated[str | None, typer.Argument(help="The pattern, exactly as it was muted.")] = None,
    asset: Asset = None,
    line: Line = None,
    every: Every = None,
    calendar: InCalendar = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Instead of PATTERN: repair mutes that cannot be read.")
    ] = False,
    yes: Yes = False,
) -> None:
    """End all mutes of exactly this pattern, also those that have not begun.

    Of those with --asset, --line, --every or --calendar, the ones that have what is given.
    """
    from ops.target import find_each

    conditions = Conditions(asset, line, every, calendar)
    if repair == (pattern is not None or conditions.are_set):
        raise typer.BadParameter("give either PATTERN or --repair")
    target, now_s = find_each(options)[0], time.time()
    target.check_writable()
    if repair:
        _repair(target, now_s, yes)
    else:
        ended = _Ended("*" if pattern is None else pattern, options.use_case, conditions)
        _unmute(target, ended, now_s, yes)


class _Ended(NamedTuple):
    """Which mutes to end."""

    pattern: str
    use_case: str | None
    conditions: Conditions

    def are(self, mute: "Mute", at_s: float) -> bool:
        """Whether a mute is one of them, and not over yet."""
        given = zip(self.conditions, Conditions.of(mute), strict=True)
        return (
            mute.pattern in (self.pattern, literal(self.pattern))
            and self.use_case in (None, mute.use_case)
            and mute.until_s > at_s
            and all(wanted in (None, own) for wanted, own in given)
        )


def _unmute(target: "Target", ended: _Ended, now_s: float, yes: bool) -> None:
    from ops.state.mutes_file import change_mutes, read_mutes

    objects = target.objects()
    present = asyncio.run(read_mutes(objects))
    ending = [each for each in present if ended.are(each, now_s)]
    if not ending:
        known = ", ".join(sorted({repr(each.pattern) for each in present if each.until_s > now_s})) or "none"
        echo(f"No mute has the pattern {ended.pattern!r}: there is nothing to do. Patterns in force: {known}")
        return
    texts = "; ".join(f"{_what(each)}, {_time(each)}" for each in ending)
    confirmed(f"End in {target.name}: {texts}.", yes)

    def change(mutes: "Mutes") -> "Mutes":
        at_s = time.time()
        now_ending = [each for each in mutes if ended.are(each, at_s)]
        check_unchanged(ending, now_ending, f"the mutes of {ended.pattern}")
        return _without(mutes, ended, at_s)

    asyncio.run(change_mutes(objects, change, now_s))
    echo(f"Ended: {texts}. The functions act on it within a minute")


def _repair(target: "Target", now_s: float, yes: bool) -> None:
    """Keep the entries that can be read of mutes that cannot be read as a whole."""
    from consumer.decode.values import shortened
    from consumer.events.mutes import MUTES_KEY
    from ops.state.mutes_file import find_unreadable, is_kept, repair_mutes

    objects = target.objects()
    broken = asyncio.run(find_unreadable(objects))
    if broken is None:
        echo(f"The mutes in {target.name} can be read: there is nothing to repair")
        return
    echo(f"{MUTES_KEY} cannot be read: {broken.reason}")
    for entry in broken.unreadable:
        echo(f"Dropped: {shortened(entry.content.decode(errors='replace'))}: {entry.reason}")
    for each in broken.readable:
        verb = "Kept" if is_kept(each, now_s) else "Dropped, over for long"
        echo(f"{verb}: {_what(each)}, {_time(each)}")
    kept = sum(is_kept(each, now_s) for each in broken.readable)
    confirmed(
        f"Write {MUTES_KEY} in {target.name} anew, with {pluralize(kept, 'mute')}. A copy of it as it is "
        f"now is kept as {broken.copy_key}.",
        yes,
    )
    try:
        asyncio.run(repair_mutes(objects, broken, now_s))
    except PageChanged as error:
        raise Unavailable(f"somebody else wrote {MUTES_KEY} meanwhile: run it again") from error
    echo(f"Repaired. Mute again what was dropped: it is in {broken.copy_key}")


def new_mute(
    pattern: str,
    from_s: float,
    until_s: float,
    reason: str,
    use_case: str | None,
    conditions: Conditions = Conditions(),  # noqa: B008  # it is a constant
    time_zone: str = UTC_NAME,
) -> "Mute":
    """A mute by this user.

    Raises: `ConfigurationError` if it could not be read back, or nobody can mean it.
    """
    from consumer.decode.signal_names import CONTROL_CHARACTER
    from consumer.events.mutes import TEXT_MAX, Mute

    # Control characters are rejected here and not in `Mute`: mutes already in force may have them.
    if use_case == "":
        raise ConfigurationError("--use-case is empty: name one, or leave it out for all of them")
    given = zip((f"--{name}" for name in Conditions._fields), conditions, strict=True)
    for name, text in (("the pattern", pattern), ("--reason", reason), ("--use-case", use_case), *given):
        if found := CONTROL_CHARACTER.search(text or ""):
            raise ConfigurationError(f"{name} has a control character, {found[0]!r}: leave it out")
    try:
        times = iso8601(from_s) or "", iso8601(until_s) or ""
        return Mute(
            pattern,
            *times,
            reason,
            _user()[:TEXT_MAX],
            use_case,
            **conditions._asdict(),
            time_zone=UTC_NAME if conditions.every is None else time_zone,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _of_plant(target: "Target", names: set[str], conditions: Conditions) -> tuple[set[str], str]:
    """Those of the signals that are of the asset and the line, and the plant's time zone.

    Raises: `ConfigurationError` for a calendar that signals.yaml does not have.
    """
    from ops.context import settings_of

    settings, name = settings_of(target), conditions.calendar
    if name is not None and name not in settings.calendars:
        known = ", ".join(sorted(settings.calendars)) or "none"
        raise ConfigurationError(f"--calendar is {name!r}; signals.yaml has {known}")
    whole = new_mute("*", 0.0, 1.0, "", None, conditions)
    return {each for each in names if whole.is_of(*settings.asset_and_line(each))}, settings.time_zone


def _names(targets: "Sequence[Target]") -> tuple[set[str], str]:
    """The names of the signals that were learned; or why they cannot be read."""
    from ops.state.pages import NothingLearned, read_pages

    names: set[str] = set()
    for target in targets:
        try:
            read = asyncio.run(read_pages(target))
        except NothingLearned:
            continue
        except ConsumerError as error:
            return set(), f"cannot show which signals that are: {error}"
        names |= {place.key.signal for place in read.places()}
    return names, ""


def _matching(known: set[str], pattern: str) -> str:
    """The number of signals that match: the pattern may have a typo."""
    names = matching(pattern, known)
    if not names:
        hint = "; a bracket in a name is written [[]" if "[" in pattern and is_wild(pattern) else ""
        return f"no signal of that name was learned so far{hint}"
    such = f", such as {', '.join(sorted(names)[:_NAMED])}" if len(names) > _NAMED else ""
    return printable(f"{len(names)} signals{such}" if such else ", ".join(sorted(names)))


def _same(mutes: "Mutes", new: "Mute", from_s: float | None, now_s: float) -> "Mute | None":
    """The mute that the new one replaces: the one in force, or the one that begins at the same time."""
    for each in mutes:
        own, wanted = ((one.pattern, one.use_case, Conditions.of(one)) for one in (each, new))
        if own == wanted and (each.is_on(now_s) if from_s is None else abs(each.from_s - from_s) < 1.0):
            return each
    return None


def _agrees(present: "Mute", new: "Mute") -> bool:
    """Whether they mean the same: `2h` ends a little later when run again."""
    is_same_end = abs(present.until_s - new.until_s) < _SAME_END_S
    return is_same_end and present.reason == (new.reason or present.reason)


def _with(mutes: "Mutes", new: "Mute", from_s: float | None, now_s: float) -> "Mutes":
    same = _same(mutes, new, from_s, now_s)
    if same is None:
        return (*mutes, new)
    if _agrees(same, new):
        return mutes
    changed = msgspec.structs.replace(new, from_=same.from_, reason=new.reason or same.reason)
    return tuple(changed if each is same else each for each in mutes)


def _without(mutes: "Mutes", ended: _Ended, now_s: float) -> "Mutes":
    """A mute in force is kept but ends now, for what arrived during it; one that has not begun is removed."""
    left = []
    for each in mutes:
        if not ended.are(each, now_s):
            left.append(each)
        elif each.from_s < now_s:
            left.append(msgspec.structs.replace(each, until=iso8601(now_s) or ""))
    return tuple(left)


def _what(mute: "Mute") -> str:
    reason = f" ({mute.reason})" if mute.reason else ""
    places = (("asset", mute.asset), ("line", mute.line))
    of = "".join(f" of {what} {name}" for what, name in places if name is not None)
    return printable(f"{mute.pattern}{of} in {mute.use_case or 'all use cases'}{reason}")


def _time(mute: "Mute") -> str:
    again = f"every {mute.every} ({mute.time_zone}), " if mute.every is not None else ""
    again += f"during {mute.calendar}, " if mute.calendar is not None else ""
    return printable(f"{again}from {shown(mute.from_s)} until {shown(mute.until_s)} UTC")


def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""
    return "".join(filter(str.isprintable, name))  # an environment variable may hold anything
