"""What AWS and the functions send to CloudWatch in a plant: when it is well, and when something is wrong.

Of each minute, one figure of each metric. A service that has nothing to count sends nothing, as AWS
documents; the function sends zeros, in each invocation.
"""

from dataclasses import dataclass, field

from consumer.aws.observability import _COUNTS
from tests.stack.synthesis import of_type

MINUTES = 330
FROM = 150
"""When something goes wrong."""

_OWN = [name for name in _COUNTS if name not in ("Records", "ObservationsLearned")]


@dataclass
class Day:
    """The figures of a day: of the template's own resources, by the minute."""

    template: dict
    figures: dict[tuple[str, str, str], dict[int, float]] = field(default_factory=dict)

    def send(self, namespace: str, name: str, of: str, minute: int, value: float) -> None:
        """One figure."""
        self.figures.setdefault((namespace, name, of), {})[minute] = value

    def each(
        self,
        namespace: str,
        name: str,
        of: str,
        value: float,
        begin: int = FROM,
        end: int = MINUTES,
        every: int = 1,
    ) -> None:
        """The same figure again and again."""
        for minute in range(begin, end, every):
            self.send(namespace, name, of, minute, value)

    def silence(self, namespace: str, of: str, *names: str, begin: int = FROM) -> None:
        """No figures from then on, of the metrics named or of all that are of it."""
        for (own, name, its), sent in self.figures.items():
            if (own, its) == (namespace, of) and (not names or name in names):
                for minute in [minute for minute in sent if minute >= begin]:
                    del sent[minute]

    def id_of(self, resource_type: str, containing: str = "") -> str:
        """The logical id of the one resource of a type, or the one whose id has that in it."""
        [found] = [name for name in of_type(self.template, resource_type) if containing in name]
        return found

    @property
    def stream(self) -> str:
        """Of the one stream."""
        return self.id_of("AWS::Kinesis::Stream")

    @property
    def rule(self) -> str:
        """Of the one rule of AWS IoT."""
        return self.id_of("AWS::IoT::TopicRule")

    @property
    def queue(self) -> str:
        """Of alerts that a target did not accept."""
        return self.id_of("AWS::SQS::Queue")

    def function(self, use_case: str) -> str:
        """A use case's function."""
        return self.id_of("AWS::Lambda::Function", use_case)

    def mapping(self, use_case: str) -> str:
        """A use case's event source mapping."""
        return self.id_of("AWS::Lambda::EventSourceMapping", use_case)

    def visits(self, use_case: str) -> str:
        """The rule of its schedule."""
        return self.id_of("AWS::Events::Rule", f"{use_case}Visits")

    def use_cases(self) -> list[str]:
        """Of all functions."""
        functions = of_type(self.template, "AWS::Lambda::Function").values()
        return [one["Properties"]["Environment"]["Variables"]["USE_CASE"] for one in functions]

    def own(self, use_case: str) -> str:
        """The namespace of the functions' own metrics."""
        variables = self.template["Resources"][self.function(use_case)]["Properties"]["Environment"][
            "Variables"
        ]
        return variables["POWERTOOLS_METRICS_NAMESPACE"]


def well(template: dict, every: int = 1, late: int = 0, begin: int = 0) -> Day:
    """All is well: `every` so many minutes records arrive, and come to the functions as many `late`."""
    day = Day(template)
    if of_type(template, "AWS::Kinesis::Stream"):  # else its metrics are another account's
        day.each("AWS/Kinesis", "IncomingRecords", day.stream, 600, begin, every=every)
    for use_case in day.use_cases():
        namespace, function = day.own(use_case), day.function(use_case)
        for minute in range(begin + late, MINUTES, every):
            for name in ("Records", "ObservationsLearned"):
                day.send(namespace, name, use_case, minute, 600)
            for name in _OWN:
                day.send(namespace, name, use_case, minute, 0)
            for name, value in (("Errors", 0), ("Throttles", 0), ("IteratorAge", 60_000 * late + 12_000)):
                day.send("AWS/Lambda", name, function, minute, value)
            for name in ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount"):
                day.send("AWS/Lambda", name, day.mapping(use_case), minute, 0)
        if any(f"{use_case}Visits" in name for name in of_type(template, "AWS::Events::Rule")):
            day.each("AWS/Events", "Invocations", day.visits(use_case), 1, begin, every=5)
    return day


def nothing_comes_to(day: Day, use_case: str, begin: int = FROM) -> None:
    """Its mapping delivers nothing: no invocation of it, no figure of mapping or function; visits go on."""
    namespace = day.own(use_case)
    day.silence(namespace, use_case, begin=begin)
    day.silence("AWS/Lambda", day.function(use_case), begin=begin)
    day.silence("AWS/Lambda", day.mapping(use_case), begin=begin)
    if any(f"{use_case}Visits" in name for name in of_type(day.template, "AWS::Events::Rule")):
        for name in ("Records", "ObservationsLearned", *_OWN):
            day.each(namespace, name, use_case, 0, begin, every=5)
        day.each("AWS/Lambda", "Errors", day.function(use_case), 0, begin, every=5)


def growing_age(day: Day, use_case: str) -> None:
    """Its records wait longer and longer."""
    for minute in range(FROM, MINUTES):
        day.send("AWS/Lambda", "IteratorAge", day.function(use_case), minute, (minute - FROM) * 60_000)
