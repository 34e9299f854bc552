"""Changes that stay, as tables."""

from collections.abc import Mapping, Sequence

from benchmarks.quality.lasting.assets import FAULTY, PROPERTIES, Wide
from benchmarks.quality.lasting.signals import Lasting
from benchmarks.quality.tables import Table, table
from benchmarks.quality.use_case_quality import FalseOpenings


def of_lasting(name: str, scored: Sequence[Lasting]) -> Table:
    """Sort by sort."""
    rows = (
        (
            one.kind,
            f"{one.found} of {one.changes}",
            f"{one.delay_values:g}" if 2 * one.found > one.changes else "never",
            one.alerts,
            one.false,
        )
        for one in scored
    )
    headings = (
        f"`{name}`, after three weeks of",
        "found",
        "median delay, values",
        "alerts",
        "false before them",
    )
    return table(f"lasting {name}", headings, rows)


def of_assets(healthy: Mapping[str, FalseOpenings], wide: Wide) -> Table:
    """Where nothing is wrong; and the fault in one of many properties."""
    rows = (
        (name, one.rows, one.openings, f"{10_000.0 * one.openings / one.rows:.2f}")
        for name, one in healthy.items()
    )
    note = (
        f"Of {PROPERTIES} properties, a fault in property {FAULTY} was found and named in {wide.found} of "
        f"{wide.assets} assets, within {wide.delay_rows:g} rows, with {wide.false} false alerts before it."
    )
    return table("assets", ("`asset`, healthy rows of SKAB", "rows", "false alerts", "in 10,000"), rows, note)
