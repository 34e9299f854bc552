"""What a plan is based on: `assumptions.toml`, each figure with its unit and its source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from producer_sim.plan.workload import Workload

ASSUMPTIONS_FILE = Path(__file__).with_name("assumptions.toml")


class Assumed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was not measured here; units are in the names, or in the file."""

    month_days: float
    point_bytes: float
    further_value_bytes: float
    envelope_bytes: float
    headroom: float
    on_demand_shards_min: int
    get_ms: float
    put_ms: float
    s3_mb_per_s: float
    request_us: float
    requests_in_flight: int
    processor_mb: float
    processor_speed: float
    warm_share: float
    old_versions_days: float
    versions_min: float
    starts_per_day: float
    event_bytes: float
    log_bytes: float
    function_metrics: int
    mapping_metrics: int
    shared_alarms: int
    use_case_alarms: int
    traced_share: float
    delivery_s: float


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of AWS."""

    shard_records_per_s: float
    shard_bytes_in_per_s: float
    shard_bytes_out_per_s: float
    batch_records: float
    batch_bytes: float
    on_demand_records_per_s: float
    on_demand_bytes_per_s: float
    advantage_bytes_per_s: float
    concurrency: float
    s3_puts_per_s: float
    s3_gets_per_s: float
    put_events_per_s: float
    iot_messages_per_s: float


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """CPU of the consumer in µs, without the model's own; memory in MB and bytes."""

    invocation_us: float
    record_us: float
    observation_us: float
    signal_us: float
    page_us: float
    state_encode_us: float
    state_decode_us: float
    state_bytes: float
    base_mb: float
    batch_mb: float


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one model costs: CPU in µs to update it, to write it into a page and to read it from one.

    Units: `page_bytes` in its page, `memory_bytes` in a function's memory, `warm_bytes` what a warm page
    counts for it of the memory that such pages may take
    """

    update_us: float
    dump_us: float
    load_us: float
    page_bytes: float
    memory_bytes: float
    warm_bytes: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The whole file; all but `assumed` and `limits` was measured, on a day (ISO 8601) and a machine."""

    measured_on: str
    measured_where: str
    assumed: Assumed
    limits: Limits
    measured: Measured
    models: Mapping[str, Model]
    """River's, by their names: what `drift` can be."""
    use_cases: Mapping[str, Model]
    """Other use cases, as they ship."""

    @property
    def named_use_cases(self) -> list[str]:
        """The use cases that can be planned by their names."""
        return ["drift", *self.use_cases]

    def model_of(self, workload: Workload) -> Model:
        """What a model of its use cases costs: of several, each figure is that of the dearest."""
        other = self.models[workload.model]
        each = [self.use_cases.get(name, other) for name in workload.named]
        figures = zip(*map(msgspec.structs.astuple, each), strict=True)
        return Model(*map(max, figures))


def read_assumptions(path: Path = ASSUMPTIONS_FILE) -> Assumptions:
    """Read the file.

    Raises: `msgspec.ValidationError` naming what is missing or unknown.
    """
    content = tomllib.loads(path.read_text())
    for table in ("assumed", "limits", "measured"):
        content[table] = {name: figure["value"] for name, figure in content[table].items()}
    for table in ("models", "use_cases"):
        for model in content[table].values():
            model.pop("source")
    return msgspec.convert(content, Assumptions, strict=False)
