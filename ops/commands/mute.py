"""`python -m consumer mute` and `unmute`: signals whose events go to no alert for a time; their repair."""

import asyncio
import getpass
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec
import typer

from consumer.decode.signal_names import CONTROL_CHARACTER
from consumer.decode.timestamps import iso8601
from consumer.decode.values import shortened
from consumer.errors import ConfigurationError, ConsumerError, PageChanged, Unavailable
from consumer.events.mutes import MUTES_KEY, TEXT_MAX, Mute
from ops.formatting import moment, pluralize, shown
from ops.options import confirmed
from ops.state.mutes_file import Mutes, change_mutes, find_unreadable, is_kept, read_mutes, repair_mutes
from ops.state.pages import NothingLearned, read_pages
from ops.target import Target, TargetOptions, find_each

_SAME_END_S = 60.0
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be muted, in the operator's words."""

    pattern: str
    until: str
    from_: str | None
    reason: str


def mute(named: TargetOptions, asked: Asked, yes: bool) -> None:
    """Mute a pattern for a time; the second time it changes nothing.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    places, now_s = find_each(named), time.time()
    where = places[0]
    where.check_writable()
    until_s = moment(asked.until, now_s)
    from_s = None if asked.from_ is None else moment(asked.from_, now_s)
    if until_s <= max(now_s, from_s or now_s):
        raise ConfigurationError(f"--until is {shown(until_s)}, which is not after {shown(from_s or now_s)}")
    new = new_mute(asked, now_s if from_s is None else from_s, until_s, named.use_case)
    objects = where.objects()
    present = asyncio.run(read_mutes(objects))
    if (same := _same(present, new, from_s, now_s)) and _agrees(same, new):
        typer.echo(f"{asked.pattern} is muted already, {_time(same)}: there is nothing to do")
        return
    is_moved = f", in place of {_time(same)}" if same else ""
    confirmed(
        f"Mute {_what(new)} in {where.name}, {_time(new)}{is_moved}: {_matching(places, asked.pattern)}. "
        "They are learned all the same; their events say `muted`, and go to no alert.",
        yes,
    )
    asyncio.run(change_mutes(objects, lambda mutes: _with(mutes, new, from_s, now_s), now_s))
    typer.echo(f"Muted: {_what(new)}, {_time(new)}. The functions act on it within a minute")


def unmute(named: TargetOptions, pattern: str, yes: bool) -> None:
    """End all mutes of that pattern, those to come too; the second time it changes nothing.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    where, now_s = find_each(named)[0], time.time()
    where.check_writable()
    objects = where.objects()
    ending = [one for one in asyncio.run(read_mutes(objects)) if _ends(one, pattern, named.use_case, now_s)]
    if not ending:
        present = [one for one in asyncio.run(read_mutes(objects)) if one.until_s > now_s]
        there = ", ".join(sorted({repr(one.pattern) for one in present})) or "none"
        typer.echo(
            f"Nothing is muted by the pattern {pattern!r}: there is nothing to do. Mutes there are: {there}"
        )
        return
    told = "; ".join(f"{_what(one)}, {_time(one)}" for one in ending)
    confirmed(f"End in {where.name}: {told}.", yes)
    asyncio.run(change_mutes(objects, lambda mutes: _without(mutes, pattern, named.use_case, now_s), now_s))
    typer.echo(f"Ended: {told}. The functions act on it within a minute")


def repair(named: TargetOptions, yes: bool) -> None:
    """Target the mutes cannot be read, keep the entries that can be; the second time it changes nothing.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    where, now_s = find_each(named)[0], time.time()
    where.check_writable()
    objects = where.objects()
    broken = asyncio.run(find_unreadable(objects))
    if broken is None:
        typer.echo(f"The mutes in {where.name} can be read: there is nothing to repair")
        return
    typer.echo(f"{MUTES_KEY} cannot be read: {broken.reason}")
    for entry in broken.unreadable:
        typer.echo(f"Dropped: {shortened(entry.content.decode(errors='replace'))}: {entry.reason}")
    for each in broken.readable:
        typer.echo(
            f"{'Kept' if is_kept(each, now_s) else 'Dropped, long over'}: {_what(each)}, {_time(each)}"
        )
    kept = sum(is_kept(each, now_s) for each in broken.readable)
    confirmed(
        f"Write {MUTES_KEY} in {where.name} anew, with {pluralize(kept, 'mute')}; as it is now it is kept as "
        f"{broken.copy_key}.",
        yes,
    )
    try:
        asyncio.run(repair_mutes(objects, broken, now_s))
    except PageChanged as error:
        raise Unavailable(f"somebody else wrote {MUTES_KEY} meanwhile: run it again") from error
    typer.echo(f"Repaired. Mute again what was dropped: {broken.copy_key} has it")


def new_mute(asked: Asked, from_s: float, until_s: float, use_case: str | None) -> Mute:
    """The mute that is asked for.

    Raises: `ConfigurationError` where it could not be read back, or where nobody can mean it.
    """
    # Control characters are refused here and not in `Mute`: mutes that are in force already may have them.
    if use_case == "":
        raise ConfigurationError("--use-case is empty: name one, or leave it out for all of them")
    for name, text in (("the pattern", asked.pattern), ("--reason", asked.reason), ("--use-case", use_case)):
        if found := CONTROL_CHARACTER.search(text or ""):
            raise ConfigurationError(f"{name} has a control character, {found[0]!r}: leave it out")
    try:
        times = iso8601(from_s) or "", iso8601(until_s) or ""
        return Mute(asked.pattern, *times, asked.reason, _who(), use_case)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _matching(places: Sequence[Target], pattern: str) -> str:
    """How many signals that are, for a pattern may have a slip in it."""
    names: set[str] = set()
    for where in places:
        try:
            read = asyncio.run(read_pages(where))
        except NothingLearned:
            continue
        except ConsumerError as error:
            return f"which signals that are cannot be said, for {error}"
        names |= {key.signal for _, key, _ in read.states() if fnmatchcase(key.signal, pattern)}
    if not names:
        return "no signal of that name has come so far"
    such = f", such as {', '.join(sorted(names)[:_NAMED])}" if len(names) > _NAMED else ""
    return f"{len(names)} signals{such}" if such else ", ".join(sorted(names))


def _same(mutes: Mutes, new: Mute, from_s: float | None, now_s: float) -> Mute | None:
    """The mute whose place the new one takes: the one that is on, or the one that begins when it does."""
    for each in mutes:
        if (each.pattern, each.use_case) == (new.pattern, new.use_case) and (
            each.is_on(now_s) if from_s is None else abs(each.from_s - from_s) < 1.0
        ):
            return each
    return None


def _agrees(present: Mute, new: Mute) -> bool:
    """Whether it says the same: `2h` is a little later the second time."""
    is_same_end = abs(present.until_s - new.until_s) < _SAME_END_S
    return is_same_end and present.reason == (new.reason or present.reason)


def _with(mutes: Mutes, new: Mute, from_s: float | None, now_s: float) -> Mutes:
    same = _same(mutes, new, from_s, now_s)
    if same is None:
        return (*mutes, new)
    if _agrees(same, new):
        return mutes
    changed = msgspec.structs.replace(new, from_=same.from_, reason=new.reason or same.reason)
    return tuple(changed if each is same else each for each in mutes)


def _without(mutes: Mutes, pattern: str, use_case: str | None, now_s: float) -> Mutes:
    """What was on is kept, with its end now, for what arrived in its time; what was to come is not."""
    left = []
    for each in mutes:
        if not _ends(each, pattern, use_case, now_s):
            left.append(each)
        elif each.from_s < now_s:
            left.append(msgspec.structs.replace(each, until=iso8601(now_s) or ""))
    return tuple(left)


def _ends(mute: Mute, pattern: str, use_case: str | None, now_s: float) -> bool:
    return mute.pattern == pattern and use_case in (None, mute.use_case) and mute.until_s > now_s


def _what(mute: Mute) -> str:
    return f"{mute.pattern} in {mute.use_case or 'all use cases'}{f' ({mute.reason})' if mute.reason else ''}"


def _time(mute: Mute) -> str:
    return f"from {shown(mute.from_s)} until {shown(mute.until_s)} UTC"


def _who() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""
    return "".join(filter(str.isprintable, name))[:TEXT_MAX]  # an environment variable may hold anything
