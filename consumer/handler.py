"""The Lambda entry point: a batch of Kinesis records in, batch item failures out."""

import asyncio
import os
import random
import time
from functools import cache
from typing import Any

from consumer.core.errors import BadDeployment, ConfigurationError, MalformedEvent
from consumer.core.layout import Layout, prefix_of
from consumer.core.signal_settings import SettingsOfSignals
from consumer.core.use_case import fingerprint
from consumer.edge.event_bus import open_event_bus
from consumer.edge.garbage import collected_later
from consumer.edge.invocation_time import InvocationTime
from consumer.edge.layout_store import LayoutStore
from consumer.edge.mute_store import MuteStore
from consumer.edge.objects import open_bucket
from consumer.edge.page_codec import PageCodec, versions
from consumer.edge.page_store import PageStore
from consumer.edge.settings import Settings, read_settings
from consumer.edge.signals_file import read_shipped_signals
from consumer.edge.telemetry import logger, tell, tracer
from consumer.pipeline import Pipeline
from consumer.use_cases import USE_CASES
from consumer.visit import VISIT, visit


@cache
def start(settings: Settings) -> Pipeline:
    """The pipeline for these settings: clients, warm pages and all that is made once.

    Raises: `ConfigurationError` naming what is to be mended.
    """
    use_case = USE_CASES.get(settings.use_case)
    if use_case is None:
        raise ConfigurationError(
            f"USE_CASE is {settings.use_case!r}; consumer/use_cases.py has {', '.join(sorted(USE_CASES))}"
        )
    of_signals = read_shipped_signals(settings.signal_settings, USE_CASES)
    codec = PageCodec(settings.page_memory_bytes_max)
    codec.check(use_case)
    objects = open_bucket(settings.model_bucket, settings.region, settings.s3_endpoint)
    prefix = prefix_of(settings.use_case, fingerprint(use_case, versions()))
    # A snapshot of the function would start many of it with the same random numbers; the system's are new.
    jitter = random.SystemRandom()
    return Pipeline(
        settings.use_case,
        SettingsOfSignals(settings.use_case, use_case, of_signals),
        LayoutStore(objects, Layout(prefix, settings.model_pages), logger.warning),
        PageStore(objects, codec, settings.warm_bytes_max),
        open_event_bus(settings.event_bus_name, settings.region, jitter),
        objects,
        jitter,
        settings.page_signals_max,
        MuteStore(objects, time.time, logger.warning),
    )


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    # Lambda gives imports a faster processor, and snapshots what they made; elsewhere an import does nothing.
    start(read_settings(os.environ))


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Learn a batch; name the sequence number from which it is to be delivered again, if any.

    A schedule's event, `{"visit": true}`, brings no records: each page is looked at for silent signals.

    Raises: `ConfigurationError`, `MalformedEvent`, `BadDeployment`: all is to be delivered again.
    """
    settings = read_settings(os.environ)
    logger.append_keys(aws_request_id=getattr(context, "aws_request_id", None))
    try:
        pipeline = start(settings)
        with collected_later(), tracer.provider.in_subsegment("consume"):
            time_left = InvocationTime(context)
            if VISIT in event:
                report = asyncio.run(visit(pipeline, time.time(), time_left))
            else:
                report = asyncio.run(pipeline.consume(event, time_left))
    except (BadDeployment, ConfigurationError, MalformedEvent) as error:
        logger.error(str(error), extra={"use_case": settings.use_case})
        raise
    tell(report, settings.powertools_metrics_namespace, settings.use_case, time.time())
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in report.failed]}
