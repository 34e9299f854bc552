"""One function for each use case, with its own role, log and event source mapping."""

import jsii
from aws_cdk import Annotations, Duration, RemovalPolicy, Size
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from consumer.plant import plant as plant_in_force
from consumer.staleness_sweep import VISIT
from stack.bundling import asset_environment, bundle, not_compiled
from stack.company.customer_key import customer_key
from stack.company.log_groups import log_group
from stack.company.network import put_inside
from stack.company.snap_start import has_snap_start, left_out
from stack.config import PlantConfig, UseCaseConfig
from stack.deployed_models import models_environment
from stack.function_role import FunctionRole
from stack.security_review import acknowledge_controls, acknowledge_warning

_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


class Consumer(Construct):
    """The function of one use case and its event source mapping."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        plant: PlantConfig,
        use_case: str,
        namespace: str,
        stream: kinesis.IStream,
        models: s3.IBucket,
        bus: events.IEventBus,
        failed_batches: s3.IBucket,
    ) -> None:
        super().__init__(scope, name)
        config = plant.use_cases[use_case]
        key = customer_key(self, plant.kms_key_arn)
        self.log_group = log_group(self, plant.logs, key)
        role = FunctionRole(self, "May")
        role.may_learn(use_case, models, bus)
        role.may_read(stream, plant.stream.key_arn)
        role.may_give_up(failed_batches)
        role.may_log_and_trace(self.log_group)
        if plant.kms_key_arn is not None:
            role.may_use(plant.kms_key_arn)
        if plant.vpc.id is not None:
            role.may_connect(plant.vpc.id)
        source_arn = stream.stream_arn
        if config.enhanced_fan_out:
            name = self.node.addr
            fan_out = kinesis.StreamConsumer(self, "FanOut", stream=stream, stream_consumer_name=name)
            role.may_fan_out(fan_out)
            source_arn = fan_out.stream_consumer_arn
        environment = {
            "USE_CASE": use_case,
            "MODEL_BUCKET": models.bucket_name,
            "EVENT_BUS_NAME": bus.event_bus_name,
            "MODEL_PAGES": str(config.pages),
            "PLACEMENT": plant.placement,
            "PAGE_SIGNALS_MAX": str(config.signals_per_page),
            "SIGNAL_SETTINGS": plant.signals,
            "BELIEVED_FROM": config.believed_from,
            "BELIEVED_AHEAD_S": str(config.believed_ahead_s),
            **models_environment(use_case),
            **asset_environment(),
            "POWERTOOLS_METRICS_NAMESPACE": namespace,
        }
        self.role = role.make()
        self.function = self._function(config, plant, self.role, environment, key)
        put_inside(self.function, plant.vpc)
        # Snapshots belong to versions; the alias always points to the newest one.
        self.alias = lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)
        self.mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.alias,
            event_source_arn=source_arn,
            # Records that arrive while the mapping is created are read too.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=config.batch_size,
            max_batching_window=Duration.seconds(config.batch_window_s),
            parallelization_factor=config.parallelization_factor,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            retry_attempts=config.retries,
            max_record_age=Duration.seconds(plant.maximum_age_s(use_case)),
            on_failure=_Destination(failed_batches.bucket_arn),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )
        own = plant_in_force().use_cases.get(use_case)
        rules = own.sensor_checks if own is not None else None
        self.visits: events.Rule | None = None
        if rules is not None and rules.is_told and config.visit_minutes:
            self.visits = _sweeps(self, self.alias, config.visit_minutes)
        # When the stack is deleted, the writer goes before the buckets are emptied.
        self.mapping.node.add_dependency(models, failed_batches)

    def _function(
        self,
        config: UseCaseConfig,
        plant: PlantConfig,
        role: iam.IRole,
        environment: dict[str, str],
        key: kms.IKey | None,
    ) -> lambda_.Function:
        runs_on, snap_start = plant.function, config.snap_start and has_snap_start(plant.region)
        asset = bundle(runs_on.platform, runs_on.python, compiled_reader=config.compiled_reader)
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime(
                f"python{runs_on.python}", lambda_.RuntimeFamily.PYTHON, supports_snap_start=True
            ),
            architecture=_ARCHITECTURES[runs_on.architecture],
            code=lambda_.Code.from_asset(str(asset.folder), asset_hash=asset.hash),
            handler="consumer.handler.handler",
            memory_size=config.memory_mb,
            timeout=Duration.seconds(config.timeout_s),
            ephemeral_storage_size=Size.mebibytes(config.ephemeral_storage_mb),
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if snap_start else None,
            tracing=lambda_.Tracing.ACTIVE,
            logging_format=lambda_.LoggingFormat.JSON,
            log_group=self.log_group,
            role=role,
            environment=environment,
            environment_encryption=key,
            reserved_concurrent_executions=config.reserved_concurrency,
            # An old version's snapshot costs as much as the live one's; going back means deploying again.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.DESTROY),
        )
        reason = (
            "The mapping stores a batch that it gives up in a bucket, with an alarm. A sweep that fails "
            "needs no queue: the next one does the same."
        )
        acknowledge_controls(function, {"LambdaDLQ": reason})
        if snap_start:
            reason = "The mapping invokes the alias, whose version is published."
            acknowledge_warning(function, "aws-lambda:snapStartRequirePublish", reason)
        elif not asset.is_compiled:
            Annotations.of(function).add_info(not_compiled(runs_on.python))
        if config.snap_start and not snap_start:
            Annotations.of(function).add_info(left_out(plant.region))
        if asset.no_reader:
            Annotations.of(function).add_info(asset.no_reader)
        return function


@jsii.implements(lambda_.IEventSourceDlq)
class _Destination:
    """A bucket as on-failure destination; CDK's own class would let the function delete objects too."""

    def __init__(self, bucket_arn: str) -> None:
        self._bucket_arn = bucket_arn

    def bind(
        self, target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """The destination's ARN."""
        return lambda_.DlqDestinationConfig(destination=self._bucket_arn)


def _sweeps(scope: Construct, alias: lambda_.Alias, minutes: int) -> events.Rule:
    """The schedule of staleness sweeps; the next one makes up for one that fails."""
    at_most = Duration.minutes(minutes)
    sweep = targets.LambdaFunction(
        alias,
        event=events.RuleTargetInput.from_object({VISIT: True}),
        retry_attempts=0,
        max_event_age=at_most,
    )
    # That is for the delivery; where the function raises, Lambda itself would try twice more.
    alias.configure_async_invoke(retry_attempts=0, max_event_age=at_most)
    return events.Rule(
        scope,
        "Visits",
        description="Checks every page for signals that fell silent",
        schedule=events.Schedule.rate(Duration.minutes(minutes)),
        targets=[sweep],
    )
