"""The fields of the two most usual payloads, points and columns, as msgspec reads them."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from consumer.core.values import VALUE_MAX

_Value = Annotated[float, Meta(ge=-VALUE_MAX, le=VALUE_MAX)]  # JSON has no NaN
_Time = Annotated[float, Meta(ge=0, lt=1e14)]  # seconds or milliseconds, since 1970
SECONDS_MAX = 1e11
# No text is so: where a field of this type is there, the decoder refuses the payload.
_Nothing = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType


class BarePoint(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The most usual of all: numbers, and no other field."""

    signal: str
    value: _Value
    timestamp: _Time


class _NoOther(msgspec.Struct, gc=False, kw_only=True, rename="camel"):
    """None of the fields by which the other shapes are known."""

    body: _Nothing = UNSET
    type: _Nothing = UNSET
    payload: _Nothing = UNSET
    property_alias: _Nothing = UNSET
    asset_id: _Nothing = UNSET
    property_id: _Nothing = UNSET
    property_values: _Nothing = UNSET
    entries: _Nothing = UNSET


class Point(_NoOther, gc=False, kw_only=True):
    """A value of `signal`."""

    signal: str
    value: _Value | str
    timestamp: _Time | str | None = None
    timestamps: _Nothing = UNSET
    values: _Nothing = UNSET
    key: _Nothing = UNSET


class KeyAndBody(
    Point,
    gc=False,
    kw_only=True,
    rename={"signal": "key", "value": "body", "key": "signal", "body": "value"},
):
    """The same by its fields' other two names."""

    signal: str
    value: _Value | str
    key: _Nothing = UNSET
    body: _Nothing = UNSET


class Columns(_NoOther, gc=False, kw_only=True):
    """Values of `signal`."""

    signal: str
    values: list[_Value]
    timestamps: list[_Time] | UnsetType = UNSET
    timestamp: _Nothing = UNSET
    key: _Nothing = UNSET
    value: _Nothing = UNSET


decode_bare_point = msgspec.json.Decoder(BarePoint).decode
decode_point = msgspec.json.Decoder(Point).decode
decode_key_and_body = msgspec.json.Decoder(KeyAndBody).decode
decode_columns = msgspec.json.Decoder(Columns).decode
