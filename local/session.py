"""The whole pipeline on this machine, for the time of a `with` block.

    with LocalPipeline(Path("build/local")) as pipeline:
        kinesis = pipeline.aws.client("kinesis")
        ...                                  # put records on pipeline.resources.stream_name
        pipeline.wait_until_done(records)    # until they are learned, quarantined or given up

That is an embedded AWS with the pipeline's resources, the function's processes, and the event source mapping
between stream and function. Everything ends with the block, however the block ends.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients.local_pipeline import PipelineResources
from consumer.plant import plant
from consumer.staleness_sweep import VISIT
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig, Pace, RealClock, in_thread
from local.emulator.kinesis_source import KinesisSource, S3Destination
from local.emulator.mapping_thread import MappingThread
from local.emulator.pipeline_resources import create_pipeline_resources
from local.emulator.progress import Progress
from local.function.execution_environment import Function, FunctionError
from local.function.function_logs import remove_logs

Invocation = Callable[[dict[str, Any]], Any]
"""A Lambda event in, the function's response out."""

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What can differ between local pipelines.

    `more_use_cases` learn the same stream, each in a process of its own. With `consumer` off, records stay on
    the stream, as with a disabled mapping. `pages` is MODEL_PAGES, `settings` a file of settings per signal;
    None is the function's default. `environments` is the number of processes of the first use case; `warm`
    starts them up front, which takes seconds. `sweep_every_s` is how often functions with sensor checks look
    for silent signals. `wrapped` returns what is invoked instead of its function.
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
    sweep_every_s: float = 300.0
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Environment variables of single use cases' functions, over those that all have."""
    pace: Pace = field(default_factory=lambda: Pace(poll_interval_s=0.2))
    wrapped: Callable[[Function], Invocation] = lambda function: function.invoke


class SweepSchedule:
    """A context manager: has a function look for silent signals every `every_s` seconds, in a thread.

    As in the cloud, nobody waits for a sweep, and the next one makes up for one that fails.
    """

    def __init__(self, invoke: Invocation, every_s: float) -> None:
        self._invoke, self._every_s = invoke, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeps", daemon=True)

    def __enter__(self) -> "SweepSchedule":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            with contextlib.suppress(FunctionError):
                self._invoke({VISIT: True})


class LocalPipeline:
    """A context manager: the pipeline runs inside the `with` block.

    `folder` must exist; it gets `aws.log`, the output of the embedded AWS, and `consumer-logs`, a folder with
    a log for each process of a function.

    Raises: `EmbeddedAWSFailed` at the start; `MappingFailed` at the end, if nothing raised it before.
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
        with contextlib.ExitStack() as entered:
            self.aws = entered.enter_context(EmbeddedAWS(self._aws_log))
            self.resources = create_pipeline_resources(self.aws, shards=self.options.shards)
            if self.options.consumer:
                options = self.options
                self._start_function(entered, options.use_case, options.environments, options.wrapped)
                for use_case in options.more_use_cases:
                    self._start_function(entered, use_case, 1, lambda function: function.invoke)
            self._at_end = entered.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._at_end.__exit__(*error)

    def _start_function(
        self,
        entered: contextlib.ExitStack,
        use_case: str,
        environments: int,
        wrapped: Callable[[Function], Invocation],
    ) -> None:
        options, resources = self.options, self.resources
        function = Function(self._environment(use_case), self.consumer_logs, environments)
        invocations = ThreadPoolExecutor(environments, thread_name_prefix="invoke")
        entered.callback(invocations.shutdown, cancel_futures=True)
        entered.enter_context(function)
        if options.warm:  # in parallel, or one process would take them all
            list(invocations.map(function.invoke, [{"Records": []}] * environments))
        mapping = EventSourceMapping(
            KinesisSource(self.aws.client("kinesis"), resources.stream_arn),
            in_thread(wrapped(function), invocations),
            options.mapping,
            RealClock(),
            S3Destination(self.aws.client("s3"), resources.failed_batch_bucket),
            pace=options.pace,
        )
        own = plant().use_cases.get(use_case)
        rules = own.sensor_checks if own is not None else None
        if rules is not None and rules.is_told:
            entered.enter_context(SweepSchedule(function.invoke, options.sweep_every_s))
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
        return environment | dict(self.options.variables.get(use_case, {}))

    @property
    def progress(self) -> Progress:
        """The progress of the mapping that is furthest behind; all zeros without a consumer."""
        done = [mapping.progress for mapping in self._mappings]
        return min(done, key=lambda progress: progress.records_done, default=Progress())

    def check(self) -> None:
        """Raises: `MappingFailed` if a mapping has ended by itself."""
        for mapping in self._mappings:
            mapping.check()

    def wait_until_done(self, records: int, seen: Callable[[int], None] = lambda done: None) -> None:
        """Return when that many records are done; `seen` is called with the number so far.

        Raises: `MappingFailed`.
        """
        while (done := self.progress.records_done) < records:
            seen(done)
            self.check()
            time.sleep(_LOOK_EVERY_S)
        seen(done)
