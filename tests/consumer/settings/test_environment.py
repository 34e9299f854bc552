"""A setting that is missing or wrong is named before anything is read or written."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.lambda_event import decode
from consumer.decode.times import TimeLimits
from consumer.errors import ConfigurationError
from consumer.handler import start
from consumer.plant import load_plant
from consumer.settings.environment import Settings, read_settings, read_time_limits
from tests.consumer.world import record

COMPLETE = {"MODEL_BUCKET": "models", "EVENT_BUS_NAME": "bus", "AWS_REGION": "eu-west-1"}


def test_what_is_needed_is_enough_and_the_rest_has_defaults():
    settings = read_settings(COMPLETE)
    assert (settings.model_bucket, settings.event_bus_name) == ("models", "bus")
    assert (settings.use_case, settings.model_pages) == ("drift", 16)
    assert (settings.region, settings.s3_endpoint) == ("eu-west-1", None)


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_needed_and_missing_or_empty_is_named(name, value):
    environment = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(ConfigurationError, match=name):
        read_settings(environment)


@pytest.mark.parametrize(
    "value", ["-1", "4097", "sixteen", "1.5", "1e400", "16 pages", "0x10", "null", "NaN", "9" * 30]
)
def test_a_wrong_number_of_pages_is_named(value):
    with pytest.raises(ConfigurationError, match=r"MODEL_PAGES"):
        read_settings(COMPLETE | {"MODEL_PAGES": value})


@pytest.mark.parametrize(("value", "pages"), [("0", 0), ("1", 1), ("16", 16), ("4096", 4096), ("", 16)])
def test_a_right_number_of_pages_is_read(value, pages):
    assert read_settings(COMPLETE | {"MODEL_PAGES": value}).model_pages == pages


@pytest.mark.parametrize("value", ["0", "-128", "much", "1.5"])
def test_a_wrong_memory_size_is_named(value):
    with pytest.raises(ConfigurationError, match=r"`\$\.AWS_LAMBDA_FUNCTION_MEMORY_SIZE`"):
        read_settings(COMPLETE | {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": value})


def test_the_message_about_pages_is_about_them_and_not_about_something_else():
    with pytest.raises(ConfigurationError, match=r"`\$\.MODEL_PAGES`"):
        read_settings(COMPLETE | {"MODEL_PAGES": "x"})
    with pytest.raises(ConfigurationError, match="`MODEL_BUCKET`"):
        read_settings({"EVENT_BUS_NAME": "bus", "AWS_REGION": "eu-west-1"})
    with pytest.raises(ConfigurationError, match="`EVENT_BUS_NAME`"):
        read_settings({"MODEL_BUCKET": "models", "AWS_REGION": "eu-west-1"})


def test_metrics_go_to_the_namespace_that_powertools_variable_names():
    assert read_settings(COMPLETE).powertools_metrics_namespace == "RiverConsumer"
    named = COMPLETE | {"POWERTOOLS_METRICS_NAMESPACE": "KinesisRiver/North"}
    assert read_settings(named).powertools_metrics_namespace == "KinesisRiver/North"


def test_texts_that_look_like_something_else_stay_texts():
    settings = read_settings(COMPLETE | {"MODEL_BUCKET": "123", "EVENT_BUS_NAME": "null", "USE_CASE": "true"})
    assert (settings.model_bucket, settings.event_bus_name, settings.use_case) == ("123", "null", "true")


def test_the_region_is_found_as_the_sdks_find_it():
    needed = {"MODEL_BUCKET": "models", "EVENT_BUS_NAME": "bus"}
    assert read_settings(needed | {"AWS_DEFAULT_REGION": "eu-west-2"}).region == "eu-west-2"
    both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
    assert read_settings(needed | both).region == "eu-west-1"
    assert read_settings(needed | {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}).region


def test_the_endpoint_of_s3_goes_before_that_of_all_services():
    one, other = {"AWS_ENDPOINT_URL": "http://all"}, {"AWS_ENDPOINT_URL_S3": "http://s3"}
    assert read_settings(COMPLETE | one).s3_endpoint == "http://all"
    assert read_settings(COMPLETE | one | other).s3_endpoint == "http://s3"


def test_pages_are_kept_warm_in_an_eighth_of_the_memory():
    memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024"}
    assert read_settings(COMPLETE | memory).warm_bytes_max == 256 * 1024 * 1024
    assert read_settings(COMPLETE | memory).page_memory_bytes_max == 512 * 1024 * 1024


def test_how_many_signals_a_page_takes_is_a_number_from_one_on():
    assert read_settings(COMPLETE).page_signals_max == 10_000
    assert read_settings(COMPLETE | {"PAGE_SIGNALS_MAX": "1"}).page_signals_max == 1
    for value in ("0", "-1", "x", "1.5"):
        with pytest.raises(ConfigurationError, match=r"PAGE_SIGNALS_MAX"):
            read_settings(COMPLETE | {"PAGE_SIGNALS_MAX": value})


def test_times_are_believed_from_2000_on_and_up_to_a_day_ahead_unless_others_are_set():
    assert read_settings(COMPLETE).time_limits == TimeLimits() == TimeLimits(946_684_800.0, 86_400.0)
    own = {"BELIEVED_FROM": "1990-05-01", "BELIEVED_AHEAD_S": "0"}
    assert read_settings(COMPLETE | own).time_limits == TimeLimits(641_520_000.0, 0.0)
    assert read_time_limits(own | {"PATH": "/bin"}) == TimeLimits(641_520_000.0, 0.0), "as tools read them"
    assert read_time_limits({"BELIEVED_FROM": ""}) == TimeLimits()
    for name, value in [("FROM", "2000"), ("FROM", "yesterday"), ("AHEAD_S", "-1"), ("AHEAD_S", "1 day")]:
        for read in (read_settings, read_time_limits):
            with pytest.raises(ConfigurationError, match=f"BELIEVED_{name}"):
                read(COMPLETE | {f"BELIEVED_{name}": value})


def test_the_function_believes_what_its_environment_says(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    at_s, batches = 641_520_000.0, []
    for own in ({}, {"BELIEVED_FROM": "1990-05-01"}):
        pipeline = start(read_settings(COMPLETE | own))
        payload = {"signal": "a", "value": 1.0, "timestamp": at_s}
        batches += decode({"Records": [record(1, payload)]}, pipeline.settings.make_ready)
    assert [batch.times_not_believed for batch in batches] == [1, 0]


def test_other_variables_do_not_matter():
    assert read_settings(COMPLETE | {"PATH": "/bin", "model_pages": "x"}) == read_settings(COMPLETE)


@pytest.mark.parametrize("name", ["unknown", "Drift", "drift ", "../drift", "__class__"])
def test_an_unknown_use_case_is_named_with_those_that_exist(name):
    with pytest.raises(ConfigurationError, match=r"USE_CASE.* is .*drift"):
        start(read_settings(COMPLETE | {"USE_CASE": name}))


def test_a_plant_that_is_no_folder_is_named_with_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere.* is not a folder: .*ops new"):
        start(read_settings(COMPLETE | {"PLANT": str(tmp_path / "nowhere")}))


def test_the_checkout_itself_is_the_plant_that_it_is_without_the_variable():
    assert load_plant(str(Path(__file__).parents[3])) == load_plant(".") == load_plant("")


def test_models_are_placed_by_record_or_by_asset(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    assert read_settings(COMPLETE).placement == "record"
    assert start(read_settings(COMPLETE)).layouts._wanted.assets is None
    by_asset = read_settings(COMPLETE | {"PLACEMENT": "asset"})
    assert start(by_asset).layouts._wanted.assets == start(by_asset).settings.assets
    with pytest.raises(ConfigurationError, match=r"PLACEMENT.*record, the default, or asset"):
        read_settings(COMPLETE | {"PLACEMENT": "page"})


def test_which_models_the_stack_says_there_are_is_read_and_may_be_unsaid():
    assert read_settings(COMPLETE).models_fingerprint == ""
    said = read_settings(COMPLETE | {"MODELS_FINGERPRINT": "0123456789abcdef"})
    assert said.models_fingerprint == "0123456789abcdef"


def test_every_setting_is_tried_here():
    assert set(Settings.__struct_encode_fields__) == {
        "MODEL_BUCKET",
        "EVENT_BUS_NAME",
        "USE_CASE",
        "MODEL_PAGES",
        "PLACEMENT",
        "PAGE_SIGNALS_MAX",
        "SIGNAL_SETTINGS",
        "MODELS_FINGERPRINT",
        "PLANT",
        "BELIEVED_FROM",
        "BELIEVED_AHEAD_S",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "POWERTOOLS_METRICS_NAMESPACE",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    }


NUMBERS = ["BELIEVED_AHEAD_S", "MODEL_PAGES", "PAGE_SIGNALS_MAX", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [
        *("9" * digits for digits in (20, 30, 400, 5_000)),
        *("-1", "-9" * 200, "inf", "-inf", "nan", "NaN", "Infinity", "1e400", "1e30", "0x10", "0b1", "1_000"),
        *("1,000", " 5", "5 ", "+5", "007", "5.5", "\u0664\u0662", "true", "null", "5s", "[5]"),
    ],
)
def test_what_is_no_number_that_a_setting_may_have_is_named(name, value):
    for read in (read_settings, *([read_time_limits] if name == "BELIEVED_AHEAD_S" else [])):
        with pytest.raises(ConfigurationError, match=name):
            read(COMPLETE | {name: value})


@given(st.sampled_from([*NUMBERS, "BELIEVED_FROM"]), st.text(max_size=20) | st.integers().map(str))
@settings(max_examples=300, deadline=None)
def test_whatever_the_environment_holds_nothing_else_is_raised(name, value):
    for read in (read_settings, read_time_limits):
        try:
            read(COMPLETE | {name: value})
        except ConfigurationError as error:
            assert name in str(error)  # noqa: PT017  # it may also be right


def test_the_largest_ahead_believes_any_time():
    limits = read_time_limits({"BELIEVED_FROM": "0001-01-01", "BELIEVED_AHEAD_S": "400000000000"})
    ends = np.array([-62_135_596_800.0, 253_402_300_799.0])
    assert not limits.excluded(ends, np.array([0.0, -62_135_596_800.0])).any()
