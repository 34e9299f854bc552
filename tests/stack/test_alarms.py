"""What can go wrong in a plant, and which alarms ring then: those, and no others."""

from collections.abc import Callable

import pytest

from tests.stack.cloudwatch import Alarm, NotEvaluated, alarms, calculated
from tests.stack.plant_days import FROM, MINUTES, Day, growing_age, nothing_comes_to, well
from tests.stack.synthesis import template

SHIPPED = ("anomaly", "shift")
SETTLED = 60
"""Minutes after which a plant that is well has been so for as long as any alarm looks back."""


def plant(**fields) -> dict:
    return template({"use_cases": {name: {} for name in SHIPPED}, **fields}, SHIPPED)


def ringing(day: Day, begin: int = 2 * SETTLED, *, fills_empty: bool = True) -> set[str]:
    """The alarms that ring at any minute from then on."""
    found = alarms(day.template, fills_empty=fills_empty)
    return {
        alarm.name
        for alarm in found
        if any(alarm.rings(day.figures, minute) for minute in range(begin, MINUTES))
    }


def own(day: Day, use_case: str, name: str, value: float, **when: int) -> None:
    day.each(day.own(use_case), name, use_case, value, **when)


def the_producers_stop(day: Day) -> None:
    day.silence("AWS/Kinesis", day.stream)
    for use_case in SHIPPED:
        nothing_comes_to(day, use_case)


def a_mapping_is_disabled_and_forgotten(day: Day) -> None:
    nothing_comes_to(day, "shift")


def a_role_lost_its_rights_to_the_stream(day: Day) -> None:
    nothing_comes_to(day, "anomaly")


def a_role_lost_its_rights_to_the_log(day: Day) -> None:
    """It learns, and its metrics, which are lines of the log, are gone."""
    for name in list(day.figures):
        if name[0] == day.own("shift") and name[2] == "shift":
            day.silence(name[0], "shift", name[1])


def a_role_lost_its_rights_to_the_models(day: Day) -> None:
    own(day, "shift", "PagesFailed", 16)
    own(day, "shift", "ObservationsLearned", 0)
    growing_age(day, "shift")


def the_function_does_not_start(day: Day) -> None:
    nothing_comes_to(day, "shift")
    day.each("AWS/Lambda", "Errors", day.function("shift"), 4)
    growing_age(day, "shift")


def the_concurrency_of_the_account_is_used_up(day: Day) -> None:
    nothing_comes_to(day, "shift")
    day.each("AWS/Lambda", "Throttles", day.function("shift"), 4)


def a_function_is_too_slow(day: Day) -> None:
    growing_age(day, "anomaly")


def a_batch_is_given_up(day: Day) -> None:
    day.send("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", day.mapping("shift"), FROM, 1)


def a_batch_is_lost(day: Day) -> None:
    day.send("AWS/Lambda", "DestinationDeliveryFailures", day.function("shift"), FROM, 1)
    day.send("AWS/Lambda", "DroppedEventCount", day.mapping("shift"), FROM, 1)


def the_stream_is_full(day: Day) -> None:
    day.each("AWS/Kinesis", "WriteProvisionedThroughputExceeded", day.stream, 50)


def a_few_records_are_rejected_and_sent_again(day: Day) -> None:
    day.send("AWS/Kinesis", "WriteProvisionedThroughputExceeded", day.stream, FROM, 60)


def one_value_a_day_is_not_a_number(day: Day) -> None:
    own(day, "anomaly", "Quarantined", 1, end=FROM + 1)
    own(day, "shift", "Quarantined", 1, end=FROM + 1)


def a_sensor_sends_text(day: Day) -> None:
    own(day, "anomaly", "Quarantined", 1)


def a_message_is_no_json(day: Day) -> None:
    day.send("AWS/IoT", "ParseError", day.rule, FROM, 1)


def a_gateway_sends_no_json(day: Day) -> None:
    day.each("AWS/IoT", "ParseError", day.rule, 3)


def iot_drops_messages(day: Day) -> None:
    day.send("AWS/IoT", "RuleMessageThrottled", day.rule, FROM, 7)


def iot_may_not_put(day: Day) -> None:
    """Messages go to the bucket; SiteWise was all that sent."""
    the_producers_stop(day)
    day.each("AWS/IoT", "Failure", f"Kinesis/{day.rule}", 600)


def iot_may_neither_put_nor_keep(day: Day) -> None:
    iot_may_not_put(day)
    day.each("AWS/IoT", "ErrorActionFailure", f"S3/{day.rule}", 600)


def a_page_cannot_be_read(day: Day) -> None:
    own(day, "shift", "PagesUnreadable", 1)
    own(day, "shift", "Quarantined", 40)


def pages_are_full(day: Day) -> None:
    own(day, "anomaly", "SignalsRefused", 5)
    own(day, "anomaly", "Quarantined", 5)


def pages_learn_one_by_one(day: Day) -> None:
    own(day, "anomaly", "PagesOneByOne", 1)


def partition_keys_are_random(day: Day) -> None:
    own(day, "anomaly", "PageConflicts", 12)


def a_batch_is_delivered_again(day: Day) -> None:
    own(day, "anomaly", "PageConflicts", 12, end=FROM + 1)
    own(day, "anomaly", "PagesFailed", 2, end=FROM + 1)
    day.send("AWS/Lambda", "Errors", day.function("anomaly"), FROM, 1)


def a_producer_invents_names(day: Day) -> None:
    own(day, "anomaly", "ModelsCreated", 60)


def a_target_refuses_alerts(day: Day) -> None:
    day.each("AWS/SQS", "ApproximateNumberOfMessagesVisible", day.queue, 3)


def the_schedule_is_disabled(day: Day) -> None:
    day.silence("AWS/Events", day.visits("anomaly"))


MUST_RING: dict[Callable[[Day], None], set[str]] = {
    the_producers_stop: {"NoData"},
    a_mapping_is_disabled_and_forgotten: {"NotLearned-shift"},
    a_role_lost_its_rights_to_the_stream: {"NotLearned-anomaly"},
    a_role_lost_its_rights_to_the_log: {"NotLearned-shift"},
    a_role_lost_its_rights_to_the_models: {"PagesFailed-shift", "IteratorAge-shift"},
    the_function_does_not_start: {"Errors-shift", "IteratorAge-shift", "NotLearned-shift"},
    the_concurrency_of_the_account_is_used_up: {"Throttles-shift", "NotLearned-shift"},
    a_function_is_too_slow: {"IteratorAge-anomaly"},
    a_batch_is_given_up: {"BatchesGivenUp-shift"},
    a_batch_is_lost: {"BatchesLost-shift", "DeliveryFailures-shift"},
    the_stream_is_full: {"StreamFull"},
    a_few_records_are_rejected_and_sent_again: set(),
    one_value_a_day_is_not_a_number: set(),
    a_sensor_sends_text: {"Quarantined-anomaly"},
    a_message_is_no_json: set(),
    a_gateway_sends_no_json: {"IotRuleSiteWiseUnparsed"},
    iot_drops_messages: {"IotRuleSiteWiseThrottled"},
    iot_may_not_put: {"NoData", "IotRuleSiteWise"},
    iot_may_neither_put_nor_keep: {"NoData", "IotRuleSiteWise", "IotRuleSiteWiseLost"},
    a_page_cannot_be_read: {"PagesUnreadable-shift", "Quarantined-shift"},
    pages_are_full: {"PagesFull-anomaly", "Quarantined-anomaly"},
    pages_learn_one_by_one: {"PagesOneByOne-anomaly"},
    partition_keys_are_random: {"Conflicts-anomaly"},
    a_batch_is_delivered_again: set(),
    a_producer_invents_names: {"NewModels-anomaly"},
    a_target_refuses_alerts: {"AlertsUndelivered"},
    the_schedule_is_disabled: {"SensorsUnwatched-anomaly"},
}


@pytest.mark.parametrize("happens", MUST_RING, ids=lambda happens: happens.__name__)
def test_these_alarms_ring_and_no_others(happens):
    day = well(plant())
    happens(day)
    assert ringing(day) == MUST_RING[happens]


def test_a_plant_that_is_well_rings_nothing_from_its_first_records_on():
    assert ringing(well(plant())) == set()
    assert ringing(well(plant(), begin=20), begin=21) == set()
    assert ringing(well(plant(), begin=20), begin=0) >= {"NoData"}, "before them, as the document says"


def test_every_alarm_of_the_shipped_plant_rings_in_one_of_these_situations():
    alike = {name.partition("-")[0] for ring in MUST_RING.values() for name in ring}
    assert {alarm.name.partition("-")[0] for alarm in alarms(plant())} == alike


@pytest.mark.parametrize("every", [1, 7, 14])
def test_a_forgotten_mapping_rings_too_where_records_are_rare(every):
    day = well(plant(), every=every)
    assert ringing(day) == set()
    nothing_comes_to(day, "anomaly")
    assert ringing(day) == {"NotLearned-anomaly"}


def test_a_forgotten_mapping_rings_within_half_an_hour_and_until_it_is_enabled_again():
    day = well(plant())
    nothing_comes_to(day, "shift")
    own(day, "shift", "Records", 600, begin=FROM + 120)
    [alarm] = [alarm for alarm in alarms(day.template) if alarm.name == "NotLearned-shift"]
    rung = [minute for minute in range(MINUTES) if alarm.rings(day.figures, minute)]
    rung = [minute for minute in rung if minute > SETTLED]
    assert rung == [*range(FROM + 30, FROM + 121)]


def test_no_data_rings_after_as_many_minutes_as_cdk_json_says():
    for minutes in (5, 15, 60):
        day = well(plant(alarms={"no_data_minutes": minutes}))
        the_producers_stop(day)
        [alarm] = [alarm for alarm in alarms(day.template) if alarm.name == "NoData"]
        first = next(at for at in range(FROM, MINUTES) if alarm.rings(day.figures, at))
        assert first == FROM + minutes


@pytest.mark.parametrize(
    ("use_case", "late"), [({}, 1), ({"batch_window_s": 300, "timeout_s": 900}, 20), ({"timeout_s": 900}, 15)]
)
def test_records_that_are_gathered_and_learned_for_long_ring_nothing(use_case, late):
    use_cases = {"use_cases": dict.fromkeys(SHIPPED, use_case)}
    quick = template({**use_cases, "alarms": {"no_data_minutes": 5, "iterator_age_minutes": 30}}, SHIPPED)
    assert ringing(well(quick, every=5, late=late)) == set()


def test_thresholds_are_those_of_cdk_json():
    asked = {"quarantined_per_hour": 0, "rejected_records_per_hour": 50}
    day = well(plant(alarms=asked))
    one_value_a_day_is_not_a_number(day)
    a_few_records_are_rejected_and_sent_again(day)
    a_message_is_no_json(day)
    assert ringing(day) == {
        "Quarantined-anomaly", "Quarantined-shift", "StreamFull", "IotRuleSiteWiseUnparsed",
    }  # fmt: skip


def test_what_must_be_there_rings_also_if_metric_math_does_not_fill_a_metric_without_figures():
    for happens in (
        the_producers_stop,
        a_mapping_is_disabled_and_forgotten,
        a_role_lost_its_rights_to_the_log,
        the_schedule_is_disabled,
    ):
        day = well(plant())
        happens(day)
        assert ringing(day, fills_empty=False) >= MUST_RING[happens]


# The rules themselves.


def an_alarm(missing: str, needed: int) -> Alarm:
    return Alarm(
        {
            "AlarmDescription": "Plant Alarm: words.",
            "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "a", "Value": "b"}],
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": needed,
            "MetricName": "m",
            "Namespace": "n",
            "Period": 300,
            "Statistic": "Sum",
            "Threshold": 0.5,
            "TreatMissingData": missing,
        }
    )


# Of AWS's documentation: figures from old to new, how many of three, the state by how the alarm treats gaps.
DOCUMENTED = [
    ("0 - X - X", 3, "OK", "OK"),
    ("- - - - 0", 3, "OK", "OK"),
    ("- - - - -", 3, "ALARM", "OK"),
    ("0 X X - X", 3, "ALARM", "ALARM"),
    ("- - X - -", 3, "ALARM", "OK"),
    ("0 0 X 0 X", 2, "ALARM", "ALARM"),
    ("0 - X - -", 2, "ALARM", "OK"),
    ("- - - - 0", 2, "ALARM", "OK"),
    ("- - - X -", 2, "ALARM", "OK"),
]


@pytest.mark.parametrize(("figures", "needed", "breaching", "not_breaching"), DOCUMENTED)
def test_gaps_are_treated_as_aws_documents(figures, needed, breaching, not_breaching):
    latest_first = [{"0": 0.0, "X": 1.0, "-": None}[sign] for sign in reversed(figures.split())]
    assert an_alarm("breaching", needed).state_of(latest_first) == breaching
    assert an_alarm("notBreaching", needed).state_of(latest_first) == not_breaching


def test_metric_math_that_is_not_known_here_is_refused():
    with pytest.raises(NotEvaluated):
        calculated("SUM(METRICS())", {}, set())
    with pytest.raises(NotEvaluated):
        an_alarm("missing", 3).state_of([None])
