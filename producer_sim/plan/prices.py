"""The price table: `prices.toml`, one dated file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

PRICES_FILE = Path(__file__).with_name("prices.toml")


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What AWS asks for one unit; `name` says of what, `source` is the page to check it on."""

    name: str
    usd: float
    page: str
    source: str


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All prices, by their keys, of one region as known on one day (ISO 8601)."""

    region: str
    date: str
    prices: Mapping[str, Price]


def read_prices(path: Path = PRICES_FILE) -> PriceTable:
    """Read the table.

    Raises: `msgspec.ValidationError` naming what is missing or unknown.
    """
    return msgspec.convert(tomllib.loads(path.read_text()), PriceTable)
