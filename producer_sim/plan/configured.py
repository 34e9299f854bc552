"""What a plant's `cdk.json` has already decided, as the planner takes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consumer.errors import ConfigurationError
from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.limit_usage import grown
from producer_sim.plan.load import Load
from producer_sim.plan.sizing import sized
from producer_sim.plan.workload import Configuration, StreamMode, Workload

_SETTINGS = ("batch_window_s", "pages", "memory_mb")


@dataclass(frozen=True, slots=True)
class Configured:
    """A plant of `cdk.json`: its name there, and its fields as they were written."""

    name: str
    fields: Mapping[str, Any]

    @property
    def use_cases(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.fields["use_cases"])

    @property
    def batch_window_s(self) -> int:
        """The shortest of its use cases."""
        return min(self._each("batch_window_s"))

    def load(self, workload: Workload, stream: StreamMode | None, assumptions: Assumptions) -> Load:
        """What it takes as it is configured, with one value in a record.

        `stream` is the kind of an existing stream, which the file does not say: on-demand, if that is None.
        """
        own = self.fields.get("stream", {})
        mode = (stream if "arn" in own else None) or own.get("mode", "on-demand")
        pages = self._each("pages")
        configuration = Configuration(
            values_per_record=1,
            stream=mode,
            shards=own.get("shards", assumptions.assumed.on_demand_shards_min),
            pages=max(pages) if min(pages) else 0,
            batch_window_s=self.batch_window_s,
            memory_mb=max(self._each("memory_mb")),
        )
        load = Load(workload, configuration, assumptions)
        is_counted = mode != "provisioned" or "shards" in own
        return grown(load) if is_counted else sized(load, sizes_memory=False)

    def reasons(self) -> Iterator[str]:
        """What the plan had to assume of it."""
        if "arn" in self.fields.get("stream", {}):
            yield (
                "cdk.json does not say of what kind its existing stream is: taken as on-demand, "
                "unless --stream says otherwise."
            )
        if any(len(set(self._each(setting))) > 1 for setting in _SETTINGS):
            yield (
                "cdk.json has several settings for its use cases; all are planned with the shortest window, "
                "the most pages and the most memory of them."
            )

    def _each(self, setting: str) -> list[int]:
        """Of each use case."""
        default = getattr(Configuration(1, "on-demand", 1), setting)
        return [settings.get(setting, default) for settings in self.fields["use_cases"].values()]

    def check(self) -> None:
        """Raises: `ConfigurationError` for a setting that no plan can be made of."""
        stream = self.fields.get("stream", {})
        if not isinstance(stream, dict):
            raise ConfigurationError(f"cdk.json, {self.name}: cannot plan with stream {stream!r}")
        mode = stream.get("mode", "on-demand")
        wrong = [] if mode in ("on-demand", "provisioned") else [f"stream.mode {mode!r}"]
        numbers = {setting: self._each(setting) for setting in _SETTINGS}
        numbers["stream.shards"] = [stream.get("shards", 1)]
        wrong += [f"{name} {one!r}" for name, each in numbers.items() for one in each if type(one) is not int]
        if wrong:
            raise ConfigurationError(f"cdk.json, {self.name}: cannot plan with {', '.join(wrong)}")


def configured(plants: Mapping[str, Mapping[str, Any]], name: str | None) -> Configured:
    """The plant of that name; None: the first.

    Raises: `ConfigurationError` where there is none, or a setting that no plan can be made of.
    """
    name = next(iter(plants), "") if name is None else name
    if name not in plants:
        known = ", ".join(plants) or "none"
        raise ConfigurationError(f"{name!r} is no plant of cdk.json, which has: {known}")
    found = Configured(name, plants[name])
    found.check()
    return found
