"""What `upgrade` has open: the models in use, the new ones, the stream, and the function."""

import random
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, PageChanged
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout, Recorded, read_layout, record_layout
from consumer.pages.store import PageStore
from consumer.settings.signal_settings import SettingsOfSignals
from ops.backtest.command import Columns
from ops.context import settings_of
from ops.formatting import pluralize, shown
from ops.lambda_function import LambdaFunction
from ops.state.page_editor import PageEditor
from ops.target import Target, aws_answers
from ops.upgrade.history import History, first_times, put
from ops.upgrade.previous_models import PreviousModels, find_source, limits_of
from ops.upgrade.replay import all_of
from ops.upgrade.upgrade import Upgrade

PAGES = 16
"""Target neither models nor a choice say another number: what the function takes too."""


async def open_upgrade(where: Target, named: str | None) -> Upgrade | None:
    """The new models and those in use, where nobody names them those of the upgrade that has begun, if any.

    None: there are no others than the new ones.

    Raises: as `find_source`, `Upgrade.open` and `PageCodec.check`.
    """
    objects = where.objects()
    begun = await read_layout(objects, where.prefix())
    source = await find_source(
        objects, where.prefix(), named or (begun[0].upgrade_from if begun else "") or None
    )
    if source is None:
        return None
    settings = settings_of(where)
    PageCodec().check(settings.use_case)
    upgrade = Upgrade(
        where.use_case,
        settings,
        objects,
        PageStore(objects, PageCodec(), 0),
        where.client("kinesis"),
        where.prefix(),
        source,
        _retained_since_s(where, source, time.time()),
        time.time(),
    )
    await upgrade.open()
    return upgrade


def _retained_since_s(where: Target, source: PreviousModels, now_s: float) -> dict[str, float]:
    """What arrived before is gone, stream by stream; of a stream that is gone, nothing is told."""
    client, since_s = where.client("kinesis"), {}
    for arn in {shard.stream_arn for marks in source.marks.values() for shard in marks}:
        with aws_answers(f"the stream {arn}"):
            try:
                answer = client.describe_stream_summary(StreamName=arn.rpartition("/")[2])
            except client.exceptions.ResourceNotFoundException:
                continue
        since_s[arn] = now_s - answer["StreamDescriptionSummary"]["RetentionPeriodHours"] * 3600.0
    return since_s


def stream_arn(where: Target) -> str:
    """Of the stream that is named. Raises: `ConfigurationError` where none is, `Unavailable`."""
    if where.stream_name is None:
        raise ConfigurationError("no stream is named: give --stream beside --bucket")
    with aws_answers(f"the stream {where.stream_name}"):
        answer = where.client("kinesis").describe_stream_summary(StreamName=where.stream_name)
    arn: str = answer["StreamDescriptionSummary"]["StreamARN"]
    return arn


def mapped(where: Target, is_idle: bool) -> LambdaFunction | None:
    """The function whose mapping is to be paused; None: the operator says that nothing learns.

    Raises: `ConfigurationError` where neither is so.
    """
    if is_idle:
        return None
    if where.function_name is None:
        raise ConfigurationError(
            "there is no Lambda to be asked whether anything learns: say --idle where nothing does"
        )
    return LambdaFunction(where.client("lambda"), where.function_name)


class HistoryBackfill:
    """New signals' models from recordings, beside those that are there."""

    def __init__(
        self,
        where: Target,
        source: PreviousModels | None,
        files: Sequence[Path],
        columns: Columns,
        are_rows: bool,
    ) -> None:
        self.where, self.source, self.objects = where, source, where.objects()
        self.settings: SettingsOfSignals = settings_of(where)
        PageCodec().check(self.settings.use_case)
        limits = limits_of(source, self.settings.use_case).keys if source else {}
        self.history = History(
            where.use_case,
            self.settings,
            files,
            columns,
            {key.signal: key for key in limits},
            are_rows,
        )

    async def wanted(self) -> list[SignalKey]:
        """The recordings' signals that have no model yet."""
        found = await read_layout(self.objects, self.where.prefix())
        keys = self.history.keys()
        if found is None:
            return list(keys)
        changing = self._changing(found[0].pages)
        there: set[SignalKey] = set()
        for page_key in changing.layout.grouped(keys):
            there |= (await changing.pages.load(page_key)).states.keys()
        return [key for key in keys if key not in there]

    async def run(self, wanted: Iterable[SignalKey]) -> int:
        """Learn their recordings up to what the stream still holds, and add the models to their pages."""
        before_s: dict[SignalKey, float] = {}
        if self.where.stream_name is not None:
            client, stream = self.where.client("kinesis"), stream_arn(self.where)
            before_s = first_times(client, all_of(client, stream), self.settings, wanted)
        states = self.history.learn(wanted, before_s)
        for key, state in states.items():
            until = f", up to {shown(before_s[key])} UTC, when the stream's begins" if key in before_s else ""
            typer.echo(f"{key.signal}: {pluralize(state.learned, 'observation')} of its recording{until}")
        found = await read_layout(self.objects, self.where.prefix())
        return await put(self._changing(PAGES if found is None else found[0].pages), states)

    async def record_layout(self) -> None:
        """Target there is no model yet, say where they are to lie."""
        if await read_layout(self.objects, self.where.prefix()) is None:
            try:
                await record_layout(self.objects, self.where.prefix(), Recorded(PAGES), None)
            except PageChanged:
                return

    def _changing(self, pages: int) -> PageEditor:
        store = PageStore(self.objects, PageCodec(), 0)
        return PageEditor(store, Layout(self.where.prefix(), pages), random.SystemRandom())
