"""The Lambda entry point: a batch of Kinesis records in, batch item failures out."""

import gc
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import consumer.loaded_later  # before all that imports River
from consumer import event_loop
from consumer.aws.event_bus import open_event_bus
from consumer.aws.observability import emit, logger, traced
from consumer.aws.s3 import open_bucket
from consumer.decode.delivery import typed
from consumer.detectors.base import fingerprint
from consumer.errors import BadDeployment, ConfigurationError, MalformedEvent
from consumer.events.mutes import MuteStore
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import Layout, LayoutStore, prefix_of
from consumer.pages.store import PageMemory, PageStore
from consumer.pipeline import Pipeline
from consumer.plant import load_plant
from consumer.settings.environment import Settings, read_settings
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.settings.signals_yaml import read_shipped_signals
from consumer.staleness_sweep import VISIT, sweep


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector, and resume it unless it was off before."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# Shares of the time at the start that are kept for committing, and for the answer itself.
_COMMIT_SHARE, _COMMIT_S_MAX = 0.3, 10.0
_ANSWER_SHARE, _ANSWER_S_MAX = 0.1, 2.0


class InvocationTime:
    """How much time an invocation has left; without Lambda's context, there is no limit."""

    def __init__(self, context: Any) -> None:
        remaining_ms: Callable[[], int] | None = getattr(context, "get_remaining_time_in_millis", None)
        self._remaining_ms = remaining_ms
        self._commit_s = self._answer_s = 0.0
        if remaining_ms is not None:
            whole_s = remaining_ms() / 1000.0
            self._commit_s = min(whole_s * _COMMIT_SHARE, _COMMIT_S_MAX)
            self._answer_s = min(whole_s * _ANSWER_SHARE, _ANSWER_S_MAX)

    def is_short(self) -> bool:
        """True if only the time for committing is left."""
        return self._remaining_ms is not None and self._remaining_ms() / 1000.0 <= self._commit_s

    def seconds_to_answer(self) -> float | None:
        """How long to wait for effects so that the answer still arrives; None: without limit."""
        if self._remaining_ms is None:
            return None
        return max(0.0, self._remaining_ms() / 1000.0 - self._answer_s)


@cache
def start(settings: Settings) -> Pipeline:
    """The pipeline for these settings: clients, warm pages and all else that is made once.

    Raises: `ConfigurationError` naming the setting to correct.
    """
    plant = load_plant(settings.plant)
    use_case = plant.use_case(settings.use_case)
    of_signals = read_shipped_signals(settings.signal_settings, plant)
    codec = PageCodec(settings.page_memory_bytes_max)
    codec.check(use_case)
    consumer.loaded_later.run_for(use_case.create(seed=0))
    objects = open_bucket(settings.model_bucket, settings.region, settings.s3_endpoint)
    prefix = prefix_of(settings.use_case, fingerprint(use_case, versions()))
    # Copies of a snapshot would all draw the same random numbers; the system's are new in each.
    jitter = random.SystemRandom()
    settings_of = SettingsOfSignals(settings.use_case, use_case, of_signals, settings.time_limits)
    placement = settings_of.assets if settings.placement == "asset" else None
    return Pipeline(
        settings.use_case,
        settings_of,
        LayoutStore(objects, Layout(prefix, settings.model_pages, placement), logger.warning),
        PageStore(objects, codec, settings.warm_bytes_max, PageMemory(settings.page_memory_bytes_max)),
        open_event_bus(settings.event_bus_name, settings.region, jitter),
        objects,
        jitter,
        settings.page_signals_max,
        MuteStore(objects, time.time, logger.warning, settings_of),
    )


class TypedMarshaller:
    """Lambda's marshaller, but that events are read by their types, in a quarter of the time.

    What is unusual, and calls that no known client makes, are left to Lambda's own.
    """

    def __init__(self, lambdas: Any) -> None:
        self._lambdas = lambdas

    def unmarshal_request(self, request: Any, *how: Any, **further: Any) -> Any:
        """The event that the handler is given."""
        is_known = isinstance(request, bytes) and how == ("application/json",) and not further
        event = typed(request) if is_known else None
        return self._lambdas.unmarshal_request(request, *how, **further) if event is None else event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lambdas, name)


def read_events_typed() -> None:
    """Give Lambda's runtime client a marshaller of ours, if it lets itself be given one."""
    module = sys.modules.get("awslambdaric.lambda_runtime_client")
    client: Any = getattr(module, "LambdaRuntimeClient", None)
    if hasattr(getattr(client, "marshaller", None), "unmarshal_request"):
        client.marshaller = TypedMarshaller(client.marshaller)


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    # Lambda gives imports a faster processor, and snapshots their result; elsewhere an import does nothing.
    read_events_typed()
    start(read_settings(os.environ))


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Learn a batch; return the sequence number from which Lambda must deliver again, if any.

    A schedule's event, `{"visit": true}`, has no records: the pages are searched for silent signals.

    Raises: `ConfigurationError`, `MalformedEvent`, `BadDeployment`: Lambda must deliver all of it again.
    """
    settings = read_settings(os.environ)
    logger.append_keys(aws_request_id=getattr(context, "aws_request_id", None))
    try:
        pipeline = start(settings)
        with gc_paused(), traced("consume"):
            time_left = InvocationTime(context)
            if VISIT in event:
                report = event_loop.run(sweep(pipeline, time.time(), time_left))
            else:
                report = event_loop.run(pipeline.consume(event, time_left))
    except (BadDeployment, ConfigurationError, MalformedEvent) as error:
        logger.error(str(error), extra={"use_case": settings.use_case})
        raise
    emit(report, settings.powertools_metrics_namespace, settings.use_case, time.time())
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in report.failed]}
