"""Whether each silence that was told is over when its signal is heard again, or is known to last."""

import json
from collections import defaultdict
from collections.abc import Iterable

from consumer.events.event import Event
from tests.simulation.operated.ledger import Ledger


def check_silences(ledger: Ledger, prefix: str, events: Iterable[Event]) -> None:
    """Of signals that nobody but functions has touched: what opened is cleared, or open in the state."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events:
        detail = json.loads(event.detail)
        if detail["evidence"].get("fault") == "stale" and event.detail_type == "Sensor Fault":
            told[detail["signal"], detail["change"]].add(event.id)
    states = {key.signal: state for key, state in ledger.states(prefix).items()}
    touched = ledger.victims | ledger.harmed | ledger.edited
    for signal, change in list(told):
        if change != "opened" or signal in touched or signal not in states or ledger.are_all_harmed:
            continue
        health = states[signal].health
        is_open = health is not None and health.is_open("stale")
        opened, cleared = len(told[signal, "opened"]), len(told[signal, "cleared"])
        if opened - cleared > is_open:
            ledger.violations.append(f"{signal}: fell silent {opened} times, and {cleared} of these are over")
