"""Numbers as a person reads them."""

from producer_sim.plan.plan_table import Value


def shown(value: Value) -> str:
    """A number as a person reads it: from a hundred up whole, below with as much as says something.

    >>> shown(4147.2), shown(56.166), shown(0.012345), shown(16), shown("columns")
    ('4,147', '56.17', '0.0123', '16', 'columns')
    """
    if isinstance(value, str):
        return value
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
