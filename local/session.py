"""The whole pipeline on this machine, for the time of a `with` block.

    with LocalPipeline(Path("build/local")) as pipeline:
        kinesis = pipeline.aws.client("kinesis")
        ...                                  # put records on pipeline.resources.stream_name
        pipeline.wait_until_done(records)    # until they are learned, quarantined or given up

Embedded AWS with its resources, the function's processes, and the event source mapping between stream and
function. All of it ends with the block, whichever way the block ends.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.aws import EmbeddedAWS
from local.event_source_mapping import EventSourceMapping, MappingConfig, Pace, RealClock, in_thread
from local.execution_environment import Function
from local.kinesis_source import KinesisSource, S3Destination
from local.mapping_thread import MappingThread
from local.pipeline_resources import PipelineResources, create_pipeline_resources
from local.progress import Progress

Invocation = Callable[[dict[str, Any]], Any]
"""A Lambda event in, the function's response out."""

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What can differ between local pipelines.

    `consumer` off: records stay on the stream, as where a mapping is disabled. `pages` is MODEL_PAGES, the
    function's own default if None. `environments` is how many processes the function has; with `warm` they
    are started first, which takes seconds. `wrapped` gives what is invoked in the function's place.
    """

    use_case: str = "drift"
    pages: int | None = None
    shards: int = 4
    consumer: bool = True
    environments: int = 2
    warm: bool = False
    mapping: MappingConfig = field(
        default_factory=lambda: MappingConfig(
            batch_size=2000, bisect_on_error=True, maximum_retry_attempts=10
        )
    )
    pace: Pace = field(default_factory=lambda: Pace(poll_interval_s=0.2))
    wrapped: Callable[[Function], Invocation] = lambda function: function.invoke


class LocalPipeline:
    """A context manager: the pipeline runs inside the `with` block, and is gone after it.

    `folder` has to exist; it gets `aws.log`, what the embedded AWS prints, and `consumer.log`, what the
    function does.

    Raises: `EmbeddedAWSFailed` at the start; `MappingFailed` at the end, where nobody has heard it before.
    """

    aws: EmbeddedAWS
    resources: PipelineResources

    def __init__(self, folder: Path, options: LocalOptions | None = None) -> None:
        self.options = options or LocalOptions()
        self.consumer_log = folder / "consumer.log"
        self._aws_log = folder / "aws.log"
        self._mapping: MappingThread | None = None

    def __enter__(self) -> "LocalPipeline":
        self.consumer_log.unlink(missing_ok=True)
        with ExitStack() as entered:
            self.aws = entered.enter_context(EmbeddedAWS(self._aws_log))
            self.resources = create_pipeline_resources(self.aws, shards=self.options.shards)
            if self.options.consumer:
                self._start_consumer(entered)
            self._at_end = entered.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._at_end.__exit__(*error)

    def _start_consumer(self, entered: ExitStack) -> None:
        options, resources = self.options, self.resources
        function = Function(self._environment(), self.consumer_log, options.environments)
        invocations = ThreadPoolExecutor(options.environments, thread_name_prefix="invoke")
        entered.callback(invocations.shutdown, cancel_futures=True)
        entered.enter_context(function)
        if options.warm:  # at the same time, or one process would take all
            list(invocations.map(function.invoke, [{"Records": []}] * options.environments))
        mapping = EventSourceMapping(
            KinesisSource(self.aws.client("kinesis"), resources.stream_arn),
            in_thread(options.wrapped(function), invocations),
            options.mapping,
            RealClock(),
            S3Destination(self.aws.client("s3"), resources.failed_batch_bucket),
            pace=options.pace,
        )
        self._mapping = entered.enter_context(MappingThread(mapping, abort=function.close))

    def _environment(self) -> dict[str, str]:
        environment = self.aws.environment() | {
            "USE_CASE": self.options.use_case,
            "MODEL_BUCKET": self.resources.model_bucket,
            "EVENT_BUS_NAME": self.resources.event_bus_name,
        }
        if self.options.pages is not None:
            environment["MODEL_PAGES"] = str(self.options.pages)
        return environment

    @property
    def progress(self) -> Progress:
        """What the mapping has done; all zeros without a consumer."""
        return self._mapping.progress if self._mapping else Progress()

    def check(self) -> None:
        """Raise `MappingFailed` where the mapping has ended by itself."""
        if self._mapping:
            self._mapping.check()

    def wait_until_done(self, records: int, seen: Callable[[int], None] = lambda done: None) -> None:
        """Return when so many records will not come again; `seen` hears how many those are by now.

        Raises: `MappingFailed`.
        """
        while (done := self.progress.records_done) < records:
            seen(done)
            self.check()
            time.sleep(_LOOK_EVERY_S)
        seen(done)
