"""The values of a replay that its report draws, downsampled while they pass."""

from collections.abc import Iterable, Iterator

from clients.downsample import Downsampler
from producer_sim.replay.recording import Recording, Row
from producer_sim.run_folder import SignalSeries

_STRETCHES = 1000


class ChartSeries:
    """Lets rows of one recording pass, and keeps at most two thousand values of each signal."""

    def __init__(self, recording: Recording) -> None:
        self._signals = recording.signals
        together = max(1, -(-recording.survey.rows // _STRETCHES))
        self._kept = [Downsampler(together) for _ in self._signals]

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows unchanged."""
        for row in rows:
            for kept, value in zip(self._kept, row.values, strict=True):
                if value is not None:
                    kept.add(row.timestamp_s, value)
            yield row

    def series(self) -> list[SignalSeries]:
        """What has passed so far, by signal."""
        pairs = zip(self._signals, self._kept, strict=True)
        return [SignalSeries.of(signal, kept.points) for signal, kept in pairs]
