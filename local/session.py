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

from consumer.use_cases import USE_CASES
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig, Pace, RealClock, in_thread
from local.emulator.kinesis_source import KinesisSource, S3Destination
from local.emulator.mapping_thread import MappingThread
from local.emulator.pipeline_resources import PipelineResources, create_pipeline_resources
from local.emulator.progress import Progress
from local.function.execution_environment import Function
from local.function.function_logs import remove_logs
from local.function.sweep_schedule import Visits

Invocation = Callable[[dict[str, Any]], Any]
"""A Lambda event in, the function's response out."""

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What can differ between local pipelines.

    `more_use_cases` learn the same stream, each with a process of its own. `consumer` off: records stay on
    the stream, as where a mapping is disabled. `pages` is MODEL_PAGES, the function's own default if None;
    `settings` a file of settings per signal, the shipped one if None. `environments` is how many processes
    the first use case has; with `warm` they are started first, which takes seconds. `visit_every_s` is how
    often functions that look at sensors look for silent ones. `wrapped` gives what is invoked in the place of
    its function.
    """

    use_case: str = "drift"
    more_use_cases: tuple[str, ...] = ()
    pages: int | None = None
    settings: Path | None = None
    shards: int = 4
    consumer: bool = True
    environments: int = 2
    warm: bool = False
    mapping: MappingConfig = field(
        default_factory=lambda: MappingConfig(
            batch_size=2000, bisect_on_error=True, maximum_retry_attempts=10
        )
    )
    visit_every_s: float = 300.0
    pace: Pace = field(default_factory=lambda: Pace(poll_interval_s=0.2))
    wrapped: Callable[[Function], Invocation] = lambda function: function.invoke


class LocalPipeline:
    """A context manager: the pipeline runs inside the `with` block, and is gone after it.

    `folder` has to exist; it gets `aws.log`, what the embedded AWS prints, and `consumer-logs`, a folder
    with a log for each process of a function.

    Raises: `EmbeddedAWSFailed` at the start; `MappingFailed` at the end, where nobody has heard it before.
    """

    aws: EmbeddedAWS
    resources: PipelineResources

    def __init__(self, folder: Path, options: LocalOptions | None = None) -> None:
        self.options = options or LocalOptions()
        self.consumer_logs = folder / "consumer-logs"
        self._aws_log = folder / "aws.log"
        self._mappings: list[MappingThread] = []

    def __enter__(self) -> "LocalPipeline":
        remove_logs(self.consumer_logs)
        with ExitStack() as entered:
            self.aws = entered.enter_context(EmbeddedAWS(self._aws_log))
            self.resources = create_pipeline_resources(self.aws, shards=self.options.shards)
            if self.options.consumer:
                self._start_consumer(entered)
                for use_case in self.options.more_use_cases:
                    self._start_function(entered, use_case, 1, lambda function: function.invoke)
            self._at_end = entered.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._at_end.__exit__(*error)

    def _start_consumer(self, entered: ExitStack) -> None:
        options = self.options
        self._start_function(entered, options.use_case, options.environments, options.wrapped)

    def _start_function(
        self,
        entered: ExitStack,
        use_case: str,
        environments: int,
        wrapped: Callable[[Function], Invocation],
    ) -> None:
        options, resources = self.options, self.resources
        function = Function(self._environment(use_case), self.consumer_logs, environments)
        invocations = ThreadPoolExecutor(environments, thread_name_prefix="invoke")
        entered.callback(invocations.shutdown, cancel_futures=True)
        entered.enter_context(function)
        if options.warm:  # at the same time, or one process would take all
            list(invocations.map(function.invoke, [{"Records": []}] * environments))
        mapping = EventSourceMapping(
            KinesisSource(self.aws.client("kinesis"), resources.stream_arn),
            in_thread(wrapped(function), invocations),
            options.mapping,
            RealClock(),
            S3Destination(self.aws.client("s3"), resources.failed_batch_bucket),
            pace=options.pace,
        )
        rules = USE_CASES[use_case].sensor_checks if use_case in USE_CASES else None
        if rules is not None and rules.is_told:
            entered.enter_context(Visits(function.invoke, options.visit_every_s))
        self._mappings.append(entered.enter_context(MappingThread(mapping, abort=function.close)))

    def _environment(self, use_case: str) -> dict[str, str]:
        environment = self.aws.environment() | {
            "USE_CASE": use_case,
            "MODEL_BUCKET": self.resources.model_bucket,
            "EVENT_BUS_NAME": self.resources.event_bus_name,
        }
        if self.options.pages is not None:
            environment["MODEL_PAGES"] = str(self.options.pages)
        if self.options.settings is not None:
            environment["SIGNAL_SETTINGS"] = str(self.options.settings.absolute())
        return environment

    @property
    def progress(self) -> Progress:
        """What the mapping that is furthest behind has done; all zeros without a consumer."""
        done = [mapping.progress for mapping in self._mappings]
        return min(done, key=lambda progress: progress.records_done, default=Progress())

    def check(self) -> None:
        """Raise `MappingFailed` where a mapping has ended by itself."""
        for mapping in self._mappings:
            mapping.check()

    def wait_until_done(self, records: int, seen: Callable[[int], None] = lambda done: None) -> None:
        """Return when so many records will not come again; `seen` hears how many those are by now.

        Raises: `MappingFailed`.
        """
        while (done := self.progress.records_done) < records:
            seen(done)
            self.check()
            time.sleep(_LOOK_EVERY_S)
        seen(done)
