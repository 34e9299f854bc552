"""`python -m ops mute` and `unmute`: no alerts from signals for a time; repair of the mutes."""

import asyncio
import getpass
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from clients.terminal import echo, printable
from consumer.decode.values import iso8601
from consumer.errors import ConfigurationError, ConsumerError, PageChanged, Unavailable
from consumer.settings.patterns import is_wild, literal, matching
from ops.formatting import moment, pluralize, shown
from ops.options import NAMES, TargetOptions, Yes, check_unchanged, confirmed, with_target

if TYPE_CHECKING:
    from consumer.events.mutes import Mute
    from ops.state.mutes_file import Mutes
    from ops.target import Target

_SAME_END_S = 60.0
_NAMED = 3


@with_target
def mute(
    options: TargetOptions,
    pattern: Annotated[str, typer.Argument(help=NAMES)],
    until: Annotated[str, typer.Option(metavar="TIME", help="2026-01-31T18:00:00Z, or from now: 2h, 3d.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="For a maintenance window; default: now.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Shown to other operators.")] = "",
    yes: Yes = False,
) -> None:
    """Keep the events of signals from all alerts for a time, within a minute. They are still learned."""
    from ops.state.mutes_file import change_mutes, read_mutes
    from ops.target import find_each

    targets, now_s = find_each(options), time.time()
    target = targets[0]
    target.check_writable()
    until_s = moment(until, now_s)
    from_s = None if from_ is None else moment(from_, now_s)
    if until_s <= max(now_s, from_s or now_s):
        raise ConfigurationError(f"--until is {shown(until_s)}, which is not after {shown(from_s or now_s)}")
    names, unknown = _names(targets)
    if pattern in names:
        pattern = literal(pattern)
    new = new_mute(pattern, now_s if from_s is None else from_s, until_s, reason, options.use_case)
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
    repair: Annotated[
        bool, typer.Option("--repair", help="Instead of PATTERN: repair mutes that cannot be read.")
    ] = False,
    yes: Yes = False,
) -> None:
    """End all mutes of exactly this pattern, also those that have not begun."""
    from ops.target import find_each

    if repair == (pattern is not None):
        raise typer.BadParameter("give either PATTERN or --repair")
    target, now_s = find_each(options)[0], time.time()
    target.check_writable()
    if pattern is None:
        _repair(target, now_s, yes)
    else:
        _unmute(target, pattern, options.use_case, now_s, yes)


def _unmute(target: "Target", pattern: str, use_case: str | None, now_s: float, yes: bool) -> None:
    from ops.state.mutes_file import change_mutes, read_mutes

    objects = target.objects()
    present = asyncio.run(read_mutes(objects))
    ending = [each for each in present if _ends(each, pattern, use_case, now_s)]
    if not ending:
        known = ", ".join(sorted({repr(each.pattern) for each in present if each.until_s > now_s})) or "none"
        echo(f"No mute has the pattern {pattern!r}: there is nothing to do. Patterns in force: {known}")
        return
    ended = "; ".join(f"{_what(each)}, {_time(each)}" for each in ending)
    confirmed(f"End in {target.name}: {ended}.", yes)

    def change(mutes: "Mutes") -> "Mutes":
        at_s = time.time()
        now_ending = [each for each in mutes if _ends(each, pattern, use_case, at_s)]
        check_unchanged(ending, now_ending, f"the mutes of {pattern}")
        return _without(mutes, pattern, use_case, at_s)

    asyncio.run(change_mutes(objects, change, now_s))
    echo(f"Ended: {ended}. The functions act on it within a minute")


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


def new_mute(pattern: str, from_s: float, until_s: float, reason: str, use_case: str | None) -> "Mute":
    """A mute by this user.

    Raises: `ConfigurationError` if it could not be read back, or nobody can mean it.
    """
    from consumer.decode.signal_names import CONTROL_CHARACTER
    from consumer.events.mutes import TEXT_MAX, Mute

    # Control characters are rejected here and not in `Mute`: mutes already in force may have them.
    if use_case == "":
        raise ConfigurationError("--use-case is empty: name one, or leave it out for all of them")
    for name, text in (("the pattern", pattern), ("--reason", reason), ("--use-case", use_case)):
        if found := CONTROL_CHARACTER.search(text or ""):
            raise ConfigurationError(f"{name} has a control character, {found[0]!r}: leave it out")
    try:
        times = iso8601(from_s) or "", iso8601(until_s) or ""
        return Mute(pattern, *times, reason, _user()[:TEXT_MAX], use_case)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


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
        if (each.pattern, each.use_case) == (new.pattern, new.use_case) and (
            each.is_on(now_s) if from_s is None else abs(each.from_s - from_s) < 1.0
        ):
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


def _without(mutes: "Mutes", pattern: str, use_case: str | None, now_s: float) -> "Mutes":
    """A mute in force is kept but ends now, for what arrived during it; one that has not begun is removed."""
    left = []
    for each in mutes:
        if not _ends(each, pattern, use_case, now_s):
            left.append(each)
        elif each.from_s < now_s:
            left.append(msgspec.structs.replace(each, until=iso8601(now_s) or ""))
    return tuple(left)


def _ends(mute: "Mute", pattern: str, use_case: str | None, now_s: float) -> bool:
    return (
        mute.pattern in (pattern, literal(pattern))
        and use_case in (None, mute.use_case)
        and mute.until_s > now_s
    )


def _what(mute: "Mute") -> str:
    reason = f" ({mute.reason})" if mute.reason else ""
    return printable(f"{mute.pattern} in {mute.use_case or 'all use cases'}{reason}")


def _time(mute: "Mute") -> str:
    return f"from {shown(mute.from_s)} until {shown(mute.until_s)} UTC"


def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""
    return "".join(filter(str.isprintable, name))  # an environment variable may hold anything
