"""The figures of `make bench`: what is measured, in which unit, and its bar."""

from collections.abc import Callable, Iterator

from benchmarks import (
    alternatives,
    cold_start,
    footprint,
    handler_vs_loop,
    lambda_client,
    newest_python,
    persistence,
    scaling,
    shipped_vs_loop,
    small_batches,
)
from benchmarks.measuring import Figure, Pair, Spread, spread


def measured() -> dict[str, Callable[[], Iterator[Figure]]]:
    """The measurements by name, in the order of the table."""
    return {
        "handler_vs_loop": _handler_vs_loop,
        "shipped_vs_loop": _shipped_vs_loop,
        "small_batches": _small_batches,
        "lambda_client": _lambda_client,
        "newest_python": _newest_python,
        "layout_wall": _layout_wall,
        "handler_vs_seed": _handler_vs_seed,
        "handler_vs_bytewax": _handler_vs_bytewax,
        "scaling": _scaling,
        "footprint": _footprint,
        "persist_vs_learn": _persist_vs_learn,
        "cold_start": _cold_start,
    }


def _handler_vs_loop() -> Iterator[Figure]:
    bars = {1_000: 1.75, 10_000: 2.2}
    for signals in handler_vs_loop.SIGNALS:
        pair, bar = handler_vs_loop.points(signals), bars.get(signals)
        name = f"handler_vs_loop, {signals:,} signals"
        yield Figure(name, pair.ratio, "x", "at most" if bar else None, bar, _times(pair))
    pair = handler_vs_loop.points(1_000, compiled=False)
    name = "handler_vs_loop, 1,000 signals, without the compiled reader"
    yield Figure(name, pair.ratio, "x", note=_times(pair))
    pair = handler_vs_loop.columns()
    name = "handler_vs_loop, columns of 100 values, 1,000 signals"
    yield Figure(name, pair.ratio, "x", "at most", 1.25, _times(pair))
    for signals, bar in ((1_000, 0.7), (10_000, 0.85)):
        pair = handler_vs_loop.points(signals, from_bytes=True)
        name = f"handler_vs_loop, from bytes, {signals:,} signals"
        yield Figure(name, pair.ratio, "x", "at most", bar, _times(pair))
    pair = handler_vs_loop.columns(from_bytes=True)
    name = "handler_vs_loop, from bytes, columns of 100 values"
    yield Figure(name, pair.ratio, "x", "at most", 1.0, _times(pair))


def _shipped_vs_loop() -> Iterator[Figure]:
    bars = {1_000: 0.6, 10_000: 1.0}
    for from_bytes in (False, True):
        for use_case in shipped_vs_loop.SHIPPED:
            for signals in shipped_vs_loop.SIGNALS:
                pair = shipped_vs_loop.shipped(use_case, signals, from_bytes=from_bytes)
                name = f"shipped_vs_loop, {'from bytes, ' * from_bytes}{use_case}, {signals:,} signals"
                yield Figure(name, pair.ratio, "x", "at most", bars[signals], _times(pair))


def _small_batches() -> Iterator[Figure]:
    bars = {100: 80, 1_000: 15}  # with ten records, what an invocation takes by itself varies too much
    for records in small_batches.RECORDS:
        pair, bar = small_batches.small_batches(records), bars.get(records)
        name = f"small_batches, {records:,} records"
        yield Figure(name, pair.ratio, "x", "at most" if bar else None, bar)
        each = Spread(*(1e6 * seconds for seconds in spread(pair.ours_s)))
        loop = f"loop {1e6 * spread(pair.theirs_s).median:.2f} µs"
        yield Figure(f"{name}, each", each, "µs", note=loop)
    pair = small_batches.few_records()
    name = "small_batches, an invocation of 10 records over a loop of 10,000"
    yield Figure(name, pair.ratio, "x", "at most", 0.2, _times(pair))  # 0.8 of what it was with state objects


def _lambda_client() -> Iterator[Figure]:
    found = lambda_client.lambda_client()
    yield Figure("lambda_client, 1,000 signals", found.cpu.ratio, "x", "at most", 2.0, _times(found.cpu))
    yield Figure("lambda_client, wall", Spread(*(1000 * seconds for seconds in spread(found.wall_s))), "ms")


def _newest_python() -> Iterator[Figure]:
    if found := newest_python.newest_python():
        for what, pair in found.pairs.items():
            yield Figure(
                f"handler_vs_loop on Python {found.python}, {what}", pair.ratio, "x", note=_times(pair)
            )


def _layout_wall() -> Iterator[Figure]:
    pair = handler_vs_loop.layout_wall(16)
    over = Spread(*(1000 * seconds for seconds in pair.difference_s))
    yield Figure("page_layout_wall, beyond the loop", over, "ms", "at most", 120, _times(pair))
    pair = handler_vs_loop.layout_wall(0, rounds=5)
    yield Figure("signal_layout_wall", spread(pair.ours_s), "s", "at most", 1.0, _times(pair))


def _handler_vs_seed() -> Iterator[Figure]:
    pair = alternatives.seed()
    note = f"{1 / spread(pair.ours_s).median:,.0f} observations/s, {1 / spread(pair.theirs_s).median:,.0f}"
    yield Figure("handler_vs_seed", _inverse(pair.ratio), "x", "at least", 5_000, note)


def _handler_vs_bytewax() -> Iterator[Figure]:
    pair = alternatives.bytewax()
    ours, theirs = (1e6 * spread(seconds).median for seconds in (pair.ours_s, pair.theirs_s))
    note = f"{ours:.2f} µs of CPU per observation, Bytewax {theirs:.2f}"
    yield Figure("handler_vs_bytewax", _inverse(pair.ratio), "x", "at least", 1.8, note)


def _scaling() -> Iterator[Figure]:
    yield Figure("scale_signals, 10,000 over 100", scaling.scale_signals(), "x", "at most", 1.5)
    shards = scaling.scale_shards()
    loop = f"the bare loop {spread(shards.loop).median:.2f} x"
    yield Figure("scale_shards, two processes over one", spread(shards.handler), "x", note=loop)
    # 1.8 where the loop gains 2: that two cores share caches and clock is the machine's, and no bar of ours.
    name = "scale_shards, what a second process gains, over what the loop gains"
    yield Figure(name, shards.over_loop, "x", "at least", 0.9)


def _footprint() -> Iterator[Figure]:
    for pages, bar in ((16, 4_000), (0, None)):
        traffic = footprint.s3_traffic(pages)
        name = f"S3 requests per million observations, {f'{pages} pages' if pages else 'an object a signal'}"
        note = f"{traffic.bytes / 1e6:.0f} MB"
        yield Figure(name, spread([traffic.requests]), "", "at most" if bar else None, bar, note)
    yield Figure(
        "peak memory, 10,000 ADWINs",
        spread([footprint.peak_mib("signals")]),
        "MiB",
        "at most",
        400 / 1.048576,
    )
    yield Figure("peak memory, a batch of 6 MB", spread([footprint.peak_mib("batch")]), "MiB")


def _persist_vs_learn() -> Iterator[Figure]:
    for name in persistence.MODELS:
        kept = persistence.persist_vs_learn(name)
        note = (
            f"learn {1000 * kept.learn_s.median:.1f} ms, write {1000 * kept.write_s.median:.1f}, "
            f"cold load {1000 * kept.read_s.median:.1f}; {kept.bytes_each:,} bytes each"
        )
        middle = kept.learn_s.median
        ratio = Spread(*(seconds / middle for seconds in kept.write_s))
        yield Figure(f"persist_vs_learn, {name}", ratio, "x", "at most", 1.0, note)


def _cold_start() -> Iterator[Figure]:
    started = cold_start.cold_start()
    yield Figure(
        "cold start, until the first invocation",
        started.init_s,
        "s",
        note="with SnapStart: once, when a version is published",
    )
    yield Figure(
        "cold start, first invocation",
        started.first_s,
        "s",
        note="with SnapStart: this and the restore are what remains",
    )
    yield Figure("cold start, the next invocation", started.second_s, "s")
    imports = cold_start.imports()
    yield Figure("imports of the handler", spread(imports.compiled.ours_s), "s", note="of the processor")
    for name, pair, bar in (("compiled", imports.compiled, 0.5), ("deferred", imports.deferred, 0.6)):
        note = f"without: {spread(pair.theirs_s).median:.2f} s"
        yield Figure(f"imports, {name} over not", pair.ratio, "x", "at most", bar, note)
    yield Figure("memory after the imports", imports.memory_mib, "MiB", "at most", 110)


def _times(pair: Pair) -> str:
    return f"{1000 * spread(pair.ours_s).median:.1f} ms, loop {1000 * spread(pair.theirs_s).median:.1f} ms"


def _inverse(ratio: Spread) -> Spread:
    return Spread(1 / ratio.high, 1 / ratio.median, 1 / ratio.low)
