"""CloudWatch's rules for alarms, on a template's own: figures of each minute -> which alarms ring, and when.

A period is a window that slides by a minute. Where figures are missing, more periods than the alarm's are
looked at, and what is missing is filled in as the alarm says:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.stack.synthesis import of_type

FURTHER_PERIODS = 2
"""Looked at where some are missing, as in the documentation's examples."""

Figures = Mapping[tuple[str, str, str], Mapping[int, float]]
"""Namespace, metric and the values of its dimensions, `/` between them -> minute -> what was sent then."""

_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max}
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, bound: value > bound,
    "LessThanThreshold": lambda value, bound: value < bound,
}


class NotEvaluated(Exception):
    """The template has an alarm of a kind that is not known here: teach it, or the test proves nothing."""


class Alarm:
    """One alarm of a template.

    `fills_empty`: whether `FILL` makes figures also of a metric that has none at all, which the documentation
    leaves open.
    """

    def __init__(self, properties: Mapping[str, Any], *, fills_empty: bool = True) -> None:
        known = {
            "ActionsEnabled", "AlarmActions", "AlarmDescription", "ComparisonOperator", "DatapointsToAlarm",
            "Dimensions", "EvaluationPeriods", "MetricName", "Metrics", "Namespace", "OKActions", "Period",
            "Statistic", "Tags", "Threshold", "TreatMissingData",
        }  # fmt: skip
        if not set(properties) <= known:
            raise NotEvaluated(f"{set(properties) - known}")
        self.name = re.match(r"\S+ (\S+): ", properties["AlarmDescription"])[1]
        self._periods = properties["EvaluationPeriods"]
        self._needed = properties.get("DatapointsToAlarm", self._periods)
        self._missing = properties["TreatMissingData"]
        self._bound = properties["Threshold"]
        self._is_breaching = _COMPARED[properties["ComparisonOperator"]]
        self._fills_empty = fills_empty
        self._expression: str | None = None
        queries = properties.get("Metrics")
        if queries is None:
            self._metrics = {"m": properties}
        else:
            [self._expression] = [query["Expression"] for query in queries if "Expression" in query]
            [shown] = [query for query in queries if query.get("ReturnData", True)]
            assert shown["Expression"] == self._expression
            self._metrics = {
                query["Id"]: {
                    **query["MetricStat"]["Metric"],
                    "Period": query["MetricStat"]["Period"],
                    "Statistic": query["MetricStat"]["Stat"],
                }
                for query in queries
                if "MetricStat" in query
            }
        [self._minutes] = {metric["Period"] // 60 for metric in self._metrics.values()}

    def rings(self, figures: Figures, minute: int) -> bool:
        """Whether it is in ALARM when it is evaluated at the start of that minute."""
        latest_first = self._points(figures, minute)
        return self.state_of(latest_first) == "ALARM"

    def state_of(self, latest_first: Sequence[float | None]) -> str:
        """ALARM or OK of the figures of the periods it looks at, the latest first; None: missing."""
        real = [value for value in latest_first if value is not None][: self._periods]
        filled = self._periods - len(real)
        breaching = sum(self._is_breaching(value, self._bound) for value in real)
        if self._missing == "breaching":
            breaching += filled
        elif self._missing != "notBreaching":
            raise NotEvaluated(f"TreatMissingData {self._missing}")
        return "ALARM" if breaching >= self._needed else "OK"

    def _points(self, figures: Figures, minute: int) -> list[float | None]:
        looked_at = self._periods + FURTHER_PERIODS
        series = {
            name: self._series(metric, figures, minute, looked_at) for name, metric in self._metrics.items()
        }
        if self._expression is None:
            return series["m"]
        return [
            calculated(
                self._expression,
                {name: values[period] for name, values in series.items()},
                {name for name, values in series.items() if any(value is not None for value in values)}
                | (set(series) if self._fills_empty else set()),
            )
            for period in range(looked_at)
        ]

    def _series(
        self, metric: Mapping[str, Any], figures: Figures, minute: int, periods: int
    ) -> list[float | None]:
        sent = figures.get(metric_of(metric), {})
        statistic = _STATISTICS[metric["Statistic"]]
        series: list[float | None] = []
        for period in range(periods):
            end = minute - period * self._minutes
            values = [sent[at] for at in range(end - self._minutes, end) if at in sent]
            series.append(statistic(values) if values else None)
        return series


def metric_of(metric: Mapping[str, Any]) -> tuple[str, str, str]:
    """Its namespace, its name and what it is of."""
    of = [_text(one["Value"]) for one in sorted(metric["Dimensions"], key=lambda one: one["Name"])]
    return metric["Namespace"], metric["MetricName"], "/".join(of)


def _text(value: Any) -> str:
    """A value, or of a reference the logical id of its resource."""
    while not isinstance(value, str):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


def calculated(expression: str, values: Mapping[str, float | None], fillable: set[str]) -> float | None:
    """Metric math, as far as the template uses it: IF, FILL, AND, comparisons.

    >>> calculated("IF(FILL(a, 0) >= 1 AND FILL(b, 0) < 1, 1, 0)", {"a": 5.0, "b": None}, {"a", "b"})
    1
    >>> calculated("IF(FILL(a, 0) >= 1 AND FILL(b, 0) < 1, 1, 0)", {"a": 5.0, "b": None}, {"a"})
    """

    def fill(name: str, instead: float) -> float | None:
        value = values[name]
        return instead if value is None and name in fillable else value

    if not re.fullmatch(
        r"IF\((FILL\([a-z]+, 0\) (<|>=) 1)( AND FILL\([a-z]+, 0\) (<|>=) 1)*, 1, 0\)", expression
    ):
        raise NotEvaluated(expression)
    conditions = []
    for name, compared in re.findall(r"FILL\(([a-z]+), 0\) (<|>=) 1", expression):
        value = fill(name, 0.0)
        if value is None:
            return None
        conditions.append(value < 1 if compared == "<" else value >= 1)
    return int(all(conditions))


def alarms(template: dict, *, fills_empty: bool = True) -> list[Alarm]:
    """All alarms of a template."""
    found = of_type(template, "AWS::CloudWatch::Alarm").values()
    return [Alarm(resource["Properties"], fills_empty=fills_empty) for resource in found]
