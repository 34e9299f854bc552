"""Folders of runs as `simulate` leaves them, made up, the same from the same seed: nothing runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from clients.kinesis_writer.sending import ShardCount
from producer_sim.run_folder import (
    Fault,
    ReceivedAlert,
    ReceivedEvent,
    RunFolder,
    RunSummary,
    Sample,
    SignalSeries,
    SimulatedSignal,
    Truth,
)

START_S = 1_790_000_000.0
FAMILIES = (("compressor.pressure", "kPa"), ("pump.flow", "l/min"), ("fan.vibration", "um"))
ALERTING = ("step", "ramp", "variance", "stuck", "drop-out")


@dataclass(frozen=True)
class MadeUp:
    """How large, and how well it went: every `miss_every`-th fault is missed."""

    signals: int = 60
    seconds: int = 600
    period_s: float = 1.0
    rate: float = 5000.0
    miss_every: int = 7
    false_alarms: int = 3
    lost: int = 0
    lag_s: float = 1.5
    seed: int = 7
    evil_name: str | None = None


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def event(signal: str, at_s: float, received_s: float, number: int, **more: object) -> ReceivedEvent:
    detail = {
        "id": f"{number:032x}",
        "use_case": "drift",
        "signal": signal,
        "value": 42.5,
        "timestamp": iso(at_s),
        "arrived_at": iso(at_s + 0.2),
        "observations": 300,
        "evidence": {"detector": "ADWIN", "mean_before": 612.25, "mean_after": 641.5},
    }
    return ReceivedEvent(received_s, "Drift Detected", detail | more)


def make_run_folder(path: Path, made_up: MadeUp = MadeUp()) -> RunFolder:
    folder = RunFolder.fresh(path)
    signals = _signals(made_up)
    faults = _faults(made_up, signals)
    kept = (
        Fault(
            (signals[0].name,), "nan", START_S + 50, START_S + 60, made_up.period_s, "quarantine", None, 11
        ),
        Fault(
            (signals[1].name,), "bad-quality", START_S + 80, START_S + 99, made_up.period_s, "skip", None, 20
        ),
        Fault((signals[2].name,), "spikes", START_S + 120, START_S + 200, made_up.period_s, "learn", 8.0, 5),
    )
    folder.write("truth", Truth(tuple(signals), tuple(faults) + kept))
    quiet = [Fault((one.name,), "spikes", 0.0, 0.0, made_up.period_s, "learn") for one in signals[:4:2]]
    folder.write("series", [_series(made_up, fault, n) for n, fault in enumerate([*faults, *quiet])])
    events = _events(made_up, signals, faults)
    folder.append("events", events)
    folder.append("alerts", [ReceivedAlert(e.received_s + 0.3, "drifts", e.detail["id"]) for e in events])
    folder.append("samples", _samples(made_up))
    folder.write("run", _run(made_up))
    return folder


def _signals(made_up: MadeUp) -> list[SimulatedSignal]:
    signals = []
    for number in range(made_up.signals):
        family, unit = FAMILIES[number % len(FAMILIES)]
        machine, quantity = family.split(".")
        name = f"line{number // 12 + 1}.{machine}{number % 12 + 1}.{quantity}"
        if made_up.evil_name and number == 1:
            name = made_up.evil_name
        signals.append(SimulatedSignal(name, family, unit, made_up.period_s))
    return signals


def _faults(made_up: MadeUp, signals: Sequence[SimulatedSignal]) -> list[Fault]:
    random = np.random.default_rng([made_up.seed, 1])
    faults = []
    for number, signal in enumerate(signals[1::2]):
        first = round(made_up.seconds * random.uniform(0.4, 0.6))
        last = first + round(made_up.seconds * random.uniform(0.05, 0.3))
        kind = ALERTING[number % len(ALERTING)]
        size = round(random.uniform(2, 6), 1) if kind in ("step", "ramp", "variance") else None
        faults.append(
            Fault((signal.name,), kind, START_S + first, START_S + last, made_up.period_s, "alert", size)
        )
    return faults


def _series(made_up: MadeUp, fault: Fault, number: int) -> SignalSeries:
    random = np.random.default_rng([made_up.seed, 2, number])
    times = START_S + np.arange(0, made_up.seconds, made_up.period_s)
    noise = random.standard_normal(len(times))
    inside = (times >= fault.first_s) & (times <= fault.last_s)
    since = np.maximum(times - fault.first_s, 0)
    size = fault.size or 3.0
    match fault.kind:
        case "step":
            noise[inside] += size
        case "ramp":
            noise += np.where(inside, since * size / 60, 0)
        case "variance":
            noise[inside] *= size
        case "stuck":
            noise[inside] = noise[inside][0]
        case _:
            noise[inside] = np.nan
    values = [None if math.isnan(x) else round(600 + 12 * x, 4) for x in noise.tolist()]
    return SignalSeries(fault.signals[0], times.tolist(), values)


def _events(
    made_up: MadeUp, signals: Sequence[SimulatedSignal], faults: Sequence[Fault]
) -> list[ReceivedEvent]:
    random = np.random.default_rng([made_up.seed, 3])
    found = [
        fault for n, fault in enumerate(faults) if made_up.miss_every == 0 or n % made_up.miss_every != 3
    ]
    at = [(fault.signals[0], fault.first_s + round(random.gamma(3, 8)) * made_up.period_s) for fault in found]
    quiet = [signal.name for signal in signals[::2]]
    at += [
        (quiet[n % len(quiet)], START_S + round(random.uniform(20, made_up.seconds / 3)))
        for n in range(made_up.false_alarms)
    ]
    return [event(signal, at_s, at_s + 1.2 + random.gamma(2, 0.5), n) for n, (signal, at_s) in enumerate(at)]


def _samples(made_up: MadeUp) -> list[Sample]:
    random = np.random.default_rng([made_up.seed, 4])
    total = round(made_up.rate * made_up.seconds)
    samples, learned = [], 0
    for second in range(1, made_up.seconds + 6):
        due = min(total, round(made_up.rate * second))
        sent = min(total, round(made_up.rate * max(0.0, second - 0.06)))
        reached = round(made_up.rate * (second - made_up.lag_s - random.gamma(2, made_up.lag_s / 8)))
        learned = max(learned, min(total - 31 - made_up.lost, reached))
        over = second > made_up.seconds
        samples.append(
            Sample(
                START_S + second,
                due,
                sent if not over else total,
                total - 31 - made_up.lost if second == made_up.seconds + 5 else learned,
                20 if second > 99 else 0,
                11 if second > 60 else 0,
            )
        )
    return samples


def _run(made_up: MadeUp) -> RunSummary:
    total = round(made_up.rate * made_up.seconds)
    shards = tuple(
        ShardCount(f"shardId-{n:012d}", total // 40 + n * 311, total * 6 + n * 40_111) for n in range(4)
    )
    return RunSummary(
        command="simulate",
        pipeline="local",
        seed=made_up.seed,
        started_s=START_S,
        ended_s=START_S + made_up.seconds + 5,
        rate_target=made_up.rate,
        rate_achieved=made_up.rate * 0.998,
        records_sent=sum(shard.records for shard in shards),
        observations_sent=total,
        bytes_sent=sum(shard.bytes for shard in shards),
        retries=12,
        refused=9,
        shards=shards,
        learned=total - 31 - made_up.lost,
        skipped=20,
        quarantined=11,
        configuration={
            "plant": "factory.yaml",
            "signals": made_up.signals,
            "shape": "columns",
            "compression": None,
            "processes": 2,
            "partition": "signal",
        },
    )
