"""How times are written: what `--time-format` and `--time-zone` say, and what turns a cell into seconds."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clients.recordings.cells import Cell
from clients.recordings.refusal import ReplayRefused
from clients.recordings.times.utc_offsets import is_written_as_an_offset, offset_of
from consumer.decode.times import Order, iso_seconds, of_order, readings, seconds_of_moment
from consumer.decode.values import check_seconds
from consumer.errors import Unlearnable

_UNITS_OF_TIME = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
ORDERS: dict[str, Order] = {"DMY": "DMY", "MDY": "MDY", "YMD": "YMD"}
_EXCEL_DAYS = 25_569
"""Days from 1899-12-30, with which Excel counts, to 1970."""


def of_moment(moment: date, zone: tzinfo) -> float:
    """Seconds since 1970, of a day its beginning. Raises: `Unlearnable`, as `seconds_of_moment`."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  # the zone follows
    return seconds_of_moment(moment, zone)


def converter_of(order: Order | None, zone: tzinfo, is_iso: bool = False) -> Callable[[Cell], float]:
    """What reads times whose dates have this order; `is_iso`: most are ISO 8601."""

    def convert(cell: Cell) -> float:
        if is_iso and type(cell) is str:
            iso_s = iso_seconds(cell, zone)
            if iso_s is not None:
                return iso_s
        if isinstance(cell, date):
            return of_moment(cell, zone)
        if not isinstance(cell, str | int | float) or isinstance(cell, bool):
            raise Unlearnable("it is neither a number nor a text")
        at_s = of_order(readings(cell, zone), order)
        if at_s is None:
            raise Unlearnable("its day and month are in no order that fits")
        return check_seconds(at_s, cell)

    return convert


def converter(format_: str, zone: tzinfo) -> Callable[[Cell], float]:
    """How `--time-format` says times are written. Raises: `ReplayRefused` for what it cannot say."""
    if format_ in ORDERS:
        return converter_of(ORDERS[format_], zone)
    if format_ == "iso":
        return converter_of(None, zone)
    if format_ in _UNITS_OF_TIME:
        unit = _UNITS_OF_TIME[format_]
        return lambda cell: check_seconds(_number(cell) / unit, cell)
    if format_ == "excel":
        return lambda cell: check_seconds(_of_excel(_number(cell), zone), cell)
    if "%" not in format_:
        raise ReplayRefused(
            f"--time-format {format_!r}: allowed: iso, s, ms, us, ns, excel, DMY, MDY, YMD, or such as "
            f"%d.%m.%Y %H:%M"
        )

    def parse(cell: Cell) -> float:
        try:
            moment = datetime.strptime(str(cell).strip(), format_)  # noqa: DTZ007  # the zone follows
        except ValueError as error:
            raise Unlearnable(str(error)) from None
        return of_moment(moment, zone)

    return parse


def _number(cell: Cell) -> float:
    try:
        return float(cell.replace(",", ".") if isinstance(cell, str) else cell)
    except (TypeError, ValueError):
        raise Unlearnable("it is not a number") from None


def _of_excel(days: float, zone: tzinfo) -> float:
    local = datetime(1970, 1, 1) + timedelta(days=days - _EXCEL_DAYS)  # noqa: DTZ001  # the zone follows
    return round(of_moment(local, zone), 3)


def zone_of(name: str | None) -> tzinfo:
    """The zone of that name, UTC if None. Raises: `ReplayRefused`."""
    if name is None or name.upper() in ("UTC", "Z"):
        return UTC
    offset_s = offset_of(name) if is_written_as_an_offset(name) else None
    if offset_s is not None:
        return timezone(timedelta(seconds=offset_s))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ReplayRefused(
            f"--time-zone {name!r} is not known: write it such as Europe/Berlin, UTC or +01:00"
        ) from None
