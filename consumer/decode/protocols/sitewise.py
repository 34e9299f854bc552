"""What AWS IoT SiteWise sends: lists of TQVs (timestamp, quality, value) of one property."""

from typing import Any

from consumer.decode.batch import Batch, UnlearnableRecord
from consumer.decode.signal_names import check_name
from consumer.decode.times import seconds_of
from consumer.decode.values import check_seconds, number, shortened
from consumer.errors import Unlearnable

_QUALITIES = frozenset({"GOOD", "BAD", "UNCERTAIN"})
_NUMBERS = frozenset({"doubleValue", "integerValue", "booleanValue"})
_NOTHING_TO_LEARN = frozenset({"stringValue", "nullValue"})


def read_notification(payload: Any, around: Any, batch: Batch) -> None:
    """Read the `payload` of a property notification: `assetId`, `propertyId` and `values`.

    `around` is the time of what is around it, for values without one.
    """
    if not isinstance(payload, dict):
        raise Unlearnable("the 'payload' of a SiteWise notification is an object")
    read_entry(None, payload.get("assetId"), payload.get("propertyId"), payload.get("values"), around, batch)


def read_entry(alias: Any, asset_id: Any, property_id: Any, tqvs: Any, around: Any, batch: Batch) -> None:
    """Read the TQVs of one property, known by its alias or by the ids of asset and property.

    `around` is the time of what is around them, for those without one.
    """
    signal = check_name(_signal_of_property(alias, asset_id, property_id))
    if not isinstance(tqvs, list) or not tqvs:
        raise Unlearnable("the values of a SiteWise property are a list of one value or more")
    for tqv in tqvs:
        try:
            _read_tqv(signal, tqv, around, batch)
        except UnlearnableRecord:
            raise
        except Unlearnable as error:
            batch.reject(str(error), signal)


def _signal_of_property(alias: Any, asset_id: Any, property_id: Any) -> Any:
    if alias is not None:
        return alias
    for name, identifier in (("assetId", asset_id), ("propertyId", property_id)):
        if not isinstance(identifier, str) or not identifier:
            raise Unlearnable(f"a SiteWise property needs 'propertyAlias', or '{name}' as text")
    return f"{asset_id}:{property_id}"


def _read_tqv(signal: str, tqv: Any, around: Any, batch: Batch) -> None:
    if not isinstance(tqv, dict):
        raise Unlearnable("a SiteWise value is an object of 'value', 'timestamp' and 'quality'")
    quality = tqv.get("quality")
    if quality is None:
        quality = "GOOD"
    if not isinstance(quality, str) or quality not in _QUALITIES:
        raise Unlearnable(f"a SiteWise quality is GOOD, BAD or UNCERTAIN, not {shortened(quality)}")
    value = None if quality == "BAD" else _number(tqv)
    if value is None:
        batch.skip(signal)
        return
    timestamp = _timestamp(tqv.get("timestamp"))
    if timestamp is None and around is not None:
        timestamp = seconds_of(around)
    batch.observe(signal, None, number(value), timestamp)
    if quality == "UNCERTAIN":
        batch.uncertain += 1


def _number(tqv: dict[str, Any]) -> Any:
    """The value in the variant; None if there is nothing to learn."""
    if "value" not in tqv:
        raise Unlearnable("a SiteWise value without 'value'")
    variant = tqv["value"]
    if variant is None:
        return None
    if not isinstance(variant, dict) or not variant:
        raise Unlearnable("a SiteWise 'value' is an object with one variant, such as doubleValue")
    if len(variant) > 1:  # some serialisers write them all
        variant = {kind: value for kind, value in variant.items() if value is not None} or {"nullValue": None}
    if len(variant) > 1:
        raise Unlearnable("a SiteWise 'value' is an object with one variant, such as doubleValue")
    ((kind, value),) = variant.items()
    if value is None:
        return None
    if kind in _NOTHING_TO_LEARN:
        return None
    if kind == "booleanValue" and not isinstance(value, bool):
        raise Unlearnable(f"a booleanValue is true or false, not {shortened(value)}")
    if kind in _NUMBERS:
        return value
    raise Unlearnable(f"a SiteWise value of the unknown variant {shortened(kind)}")


def _timestamp(timestamp: Any) -> float | None:
    if timestamp is None:
        return None
    if not isinstance(timestamp, dict):
        raise Unlearnable("the timestamp of a SiteWise value is an object of timeInSeconds and offsetInNanos")
    whole, nanoseconds = timestamp.get("timeInSeconds"), timestamp.get("offsetInNanos")
    if whole is None and nanoseconds is None:
        return None
    if nanoseconds is None:
        nanoseconds = 0
    if type(whole) is not int or type(nanoseconds) is not int or not 0 <= nanoseconds < 1_000_000_000:
        raise Unlearnable("timeInSeconds is a whole number, and offsetInNanos one from 0 to 999999999")
    return check_seconds(check_seconds(whole, whole) + nanoseconds / 1e9, whole)
