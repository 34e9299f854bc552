"""What is deployed: safe by default, and nothing in it that nobody asked for."""

import json
import re

import pytest

from clients.account import Account
from clients.deployment import pipeline_of_stack
from consumer.aws import observability
from consumer.decode.times import TimeLimits
from consumer.settings.environment import read_time_limits
from tests.stack.synthesis import PLANT, of_type, template, the

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
EVERY_TARGET = {
    "emails": ["ops@example.com"],
    "slack": [{"channel": "#alerts", "secret_arn": SECRET}],
    "teams": [{"url": "https://example.com/workflow?api-version=1", "secret_arn": SECRET}],
    "pagerduty": [{"secret_arn": SECRET}],
    "webhooks": [{"url": "https://example.com/events", "secret_arn": SECRET, "header": "X-Key"}],
}


def test_the_function_is_the_newest_runtime_on_arm_with_snap_start_traced_and_logs_json_for_a_month():
    function = the(template(), "AWS::Lambda::Function")
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["Handler"] == "consumer.handler.handler"
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    log = template()["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]
    assert log["Properties"]["RetentionInDays"] == 30


def test_the_mapping_invokes_the_alias_which_is_the_published_version():
    [(alias, _)] = of_type(template(), "AWS::Lambda::Alias").items()
    mapping = the(template(), "AWS::Lambda::EventSourceMapping")
    assert alias in json.dumps(mapping["FunctionName"])
    [(version, _)] = of_type(template(), "AWS::Lambda::Version").items()
    assert version in json.dumps(the(template(), "AWS::Lambda::Alias")["FunctionVersion"])


def test_the_mapping_stores_what_it_gives_up_and_counts_it_and_leaves_no_record_out():
    [failed] = [name for name in of_type(template(), "AWS::S3::Bucket") if name.startswith("FailedBatches")]
    mapping = the(template(), "AWS::Lambda::EventSourceMapping")
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [failed, "Arn"]}
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
    assert "FilterCriteria" not in mapping


def test_an_old_versions_snapshot_goes_with_it():
    [version] = of_type(template(), "AWS::Lambda::Version").values()
    assert version["DeletionPolicy"] == "Delete"


def test_every_bucket_is_encrypted_private_and_speaks_tls_only():
    buckets = of_type(template(), "AWS::S3::Bucket")
    policies = [resource["Properties"] for resource in of_type(template(), "AWS::S3::BucketPolicy").values()]
    for name, bucket in buckets.items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        [policy] = [policy for policy in policies if policy["Bucket"] == {"Ref": name}]
        denied = [
            statement
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny" and statement["Action"] == "s3:*"
        ]
        conditions = [statement["Condition"] for statement in denied]
        assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions
        for statement in denied:
            assert statement["Principal"] == {"AWS": "*"}
            assert {json.dumps(resource) for resource in statement["Resource"]} == {
                json.dumps({"Fn::GetAtt": [name, "Arn"]}),
                json.dumps({"Fn::Join": ["", [{"Fn::GetAtt": [name, "Arn"]}, "/*"]]}),
            }


def test_old_versions_of_models_go_after_a_day_but_for_ten():
    [models] = [
        bucket["Properties"]
        for bucket in of_type(template(), "AWS::S3::Bucket").values()
        if "VersioningConfiguration" in bucket["Properties"]
    ]
    assert models["VersioningConfiguration"] == {"Status": "Enabled"}
    [rule] = models["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1, "NewerNoncurrentVersions": 10}
    assert "ExpirationInDays" not in rule


def test_the_stream_is_encrypted_and_grows_by_itself():
    stream = the(template(), "AWS::Kinesis::Stream")
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["RetentionPeriodHours"] == 24
    assert "ShardCount" not in stream


def test_a_provisioned_stream_has_the_shards_and_the_retention_asked_for():
    plant = {"stream": {"mode": "provisioned", "shards": 3, "retention_hours": 48}}
    stream = the(template(plant), "AWS::Kinesis::Stream")
    assert (stream["ShardCount"], stream["RetentionPeriodHours"]) == (3, 48)
    mapping = the(template(plant), "AWS::Lambda::EventSourceMapping")
    assert mapping["MaximumRecordAgeInSeconds"] == 47 * 3600


KEPT = {"AWS::Kinesis::Stream", "AWS::S3::Bucket"}


@pytest.mark.parametrize(("removal", "policy"), [("keep", "Retain"), ("destroy", "Delete")])
def test_what_was_learned_goes_with_the_stack_only_where_asked_for(removal, policy):
    resources = template({"removal": removal})["Resources"].values()
    kept = [resource for resource in resources if resource["Type"] in KEPT]
    assert {resource["DeletionPolicy"] for resource in kept} == {policy}
    emptied = [resource for resource in resources if resource["Type"] == "Custom::S3AutoDeleteObjects"]
    assert len(emptied) == (3 if removal == "destroy" else 0)
    others = {resource["Type"] for resource in resources if resource.get("DeletionPolicy") == "Retain"}
    assert others <= KEPT


def test_enhanced_fan_out_reads_through_a_consumer_that_the_role_may_subscribe():
    plant = {"use_cases": {"drift": {"enhanced_fan_out": True}}}
    [(fan_out, _)] = of_type(template(plant), "AWS::Kinesis::StreamConsumer").items()
    mapping = the(template(plant), "AWS::Lambda::EventSourceMapping")
    assert fan_out in json.dumps(mapping["EventSourceArn"])
    assert "kinesis:SubscribeToShard" in json.dumps(of_type(template(plant), "AWS::IAM::Role"))
    assert "kinesis:SubscribeToShard" not in json.dumps(template())


def test_every_target_has_a_dead_letter_queue():
    plant = {"alerts": [{"name": "all", "to": EVERY_TARGET}]}
    rules = of_type(template(plant), "AWS::Events::Rule").values()
    targets = [target for rule in rules for target in rule["Properties"]["Targets"]]
    [queue] = of_type(template(plant), "AWS::SQS::Queue")
    assert len(targets) == 1 + 5, "the log of events, and the alert's"
    assert {json.dumps(target["DeadLetterConfig"]) for target in targets} == {
        json.dumps({"Arn": {"Fn::GetAtt": [queue, "Arn"]}})
    }


def test_no_secret_is_in_the_template_but_its_reference():
    plant = {"alerts": [{"name": "all", "to": EVERY_TARGET}]}
    for connection in of_type(template(plant), "AWS::Events::Connection").values():
        text = json.dumps(connection)
        assert f"{{{{resolve:secretsmanager:{SECRET}:SecretString:::}}}}" in text
        assert SECRET not in text.replace(f"{{{{resolve:secretsmanager:{SECRET}", "")


def test_late_events_are_told_where_asked_for():
    plant = {"alerts": [{"name": "all", "also_late": True}]}
    rules = of_type(template(plant), "AWS::Events::Rule").values()
    assert [rule["Properties"]["EventPattern"] for rule in rules] == [
        {"source": ["river.consumer"]},
        {"source": ["river.consumer"], "detail": {"muted": [False], "change": ["opened"]}},
    ]


def schedules(use_case, **fields):
    plant = {"use_cases": {use_case: fields}}
    rules = of_type(template(plant, (use_case,)), "AWS::Events::Rule").values()
    return [rule["Properties"] for rule in rules if "ScheduleExpression" in rule["Properties"]]


def test_pages_are_visited_where_a_use_case_tells_of_sensors():
    [visits] = schedules("anomaly")
    assert visits["ScheduleExpression"] == "rate(5 minutes)"
    [target] = visits["Targets"]
    assert json.loads(target["Input"]) == {"visit": True}
    assert "Live" in json.dumps(target["Arn"])  # the alias, whose version is published
    assert schedules("anomaly", visit_minutes=15)[0]["ScheduleExpression"] == "rate(15 minutes)"
    assert schedules("anomaly", visit_minutes=0) == []
    assert schedules("shift") == schedules("drift") == []


@pytest.mark.parametrize("minutes", [5, 15])
def test_a_visit_that_fails_is_not_tried_again_the_next_makes_up_for_it(minutes):
    """Neither by EventBridge, which may not reach the function, nor by Lambda, where the function raises."""
    [visits] = schedules("anomaly", visit_minutes=minutes)
    [target] = visits["Targets"]
    policy = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60 * minutes}
    assert target["RetryPolicy"] == policy
    plant = {"use_cases": {"anomaly": {"visit_minutes": minutes}}}
    config = the(template(plant, ("anomaly",)), "AWS::Lambda::EventInvokeConfig")
    assert {name: config[name] for name in policy} == policy
    assert "Live" in json.dumps(config["Qualifier"]), "the alias, which the schedule invokes"


def test_the_bus_keeps_its_events_for_replays():
    archive = the(template(), "AWS::Events::Archive")
    assert archive["RetentionDays"] == 30
    assert archive["EventPattern"] == {"source": ["river.consumer"]}


def test_alarms_mail_to_a_topic_of_their_own():
    plant = {
        "alarms": {"emails": ["sre@example.com"]},
        "alerts": [{"name": "all", "to": {"emails": ["ops@example.com"]}}],
    }
    subscriptions = {
        subscription["Properties"]["Endpoint"]: subscription["Properties"]["TopicArn"]["Ref"]
        for subscription in of_type(template(plant), "AWS::SNS::Subscription").values()
    }
    assert len(set(subscriptions.values())) == 2
    for alarm in of_type(template(plant), "AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": subscriptions["sre@example.com"]}]
        assert alarm["Properties"]["OKActions"] == [{"Ref": subscriptions["sre@example.com"]}]


def alarms_by_metric(plant=None, known=("drift",)):
    """By the metric's name, or the alarm's where it is calculated from several."""
    alarms = [
        alarm["Properties"] for alarm in of_type(template(plant, known), "AWS::CloudWatch::Alarm").values()
    ]
    named = {re.match(r"\w+ (\w+)", alarm["AlarmDescription"])[1]: alarm for alarm in alarms}
    return {alarm.get("MetricName", name): alarm for name, alarm in named.items()}


def metrics_of_alarms(plant=None, known=("drift",)):
    """Each metric that an alarm is on, or that one is calculated from: its properties, by its name."""
    found = {}
    for alarm in alarms_by_metric(plant, known).values():
        of = [
            query["MetricStat"]["Metric"] | {"Statistic": query["MetricStat"]["Stat"]}
            for query in alarm.get("Metrics", [])
            if "MetricStat" in query
        ]
        for metric in of or [alarm]:
            found[metric["MetricName"]] = metric
    return found


MUST_BE = {"NoData", "NotLearned"}
"""Alarms on what has to be there."""


def test_each_alarm_on_a_metric_of_the_function_is_on_one_that_it_sends_under_this_plants_name():
    function = the(template(), "AWS::Lambda::Function")
    namespace = function["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
    own = {
        name: metric
        for name, metric in metrics_of_alarms().items()
        if not metric["Namespace"].startswith("AWS/")
    }
    assert set(own) == {
        "Records",
        "Quarantined",
        "PagesFailed",
        "PagesUnreadable",
        "PagesOneByOne",
        "PageConflicts",
        "ModelsCreated",
        "SignalsRefused",
    }
    assert set(own) <= set(observability._COUNTS)
    for alarm in own.values():
        assert alarm["Namespace"] == namespace == f"KinesisRiver/{PLANT}"
        assert alarm["Dimensions"] == [{"Name": "use_case", "Value": "drift"}]


def test_every_alarm_that_operators_need_is_on_a_metric_as_aws_sends_it():
    """Under another name or dimension there are no figures, and an alarm is silent for ever."""

    def ref(kind: str, starting: str = "") -> dict:
        [found] = [name for name in of_type(template(), kind) if name.startswith(starting)]
        return {"Ref": found}

    stream = {"StreamName": ref("AWS::Kinesis::Stream")}
    rule = {"RuleName": ref("AWS::IoT::TopicRule")}
    function = {"FunctionName": ref("AWS::Lambda::Function")}
    mapping = {"EventSourceMappingUUID": ref("AWS::Lambda::EventSourceMapping")}
    queue = {"QueueName": {"Fn::GetAtt": [ref("AWS::SQS::Queue")["Ref"], "QueueName"]}}
    assert {
        name: (
            alarm["Namespace"],
            alarm["Statistic"],
            {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]},
        )
        for name, alarm in metrics_of_alarms().items()
        if alarm["Namespace"].startswith("AWS/")
    } == {
        "IncomingRecords": ("AWS/Kinesis", "Sum", stream),
        "WriteProvisionedThroughputExceeded": ("AWS/Kinesis", "Sum", stream),
        "Failure": ("AWS/IoT", "Sum", rule | {"ActionType": "Kinesis"}),
        "ErrorActionFailure": ("AWS/IoT", "Sum", rule | {"ActionType": "S3"}),
        "RuleMessageThrottled": ("AWS/IoT", "Sum", rule),
        "ParseError": ("AWS/IoT", "Sum", rule),
        "IteratorAge": ("AWS/Lambda", "Maximum", function),
        "Errors": ("AWS/Lambda", "Sum", function),
        "Throttles": ("AWS/Lambda", "Sum", function),
        "DestinationDeliveryFailures": ("AWS/Lambda", "Sum", function),
        "OnFailureDestinationDeliveredEventCount": ("AWS/Lambda", "Sum", mapping),
        "DroppedEventCount": ("AWS/Lambda", "Sum", mapping),
        "ApproximateNumberOfMessagesVisible": ("AWS/SQS", "Maximum", queue),
    }


def test_a_schedule_of_visits_has_an_alarm_on_the_default_buss_metric_of_its_rule():
    plant = {"use_cases": {"anomaly": {"visit_minutes": 10}}}
    metric = metrics_of_alarms(plant, ("anomaly",))["Invocations"]
    [rule] = [
        name for name in of_type(template(plant, ("anomaly",)), "AWS::Events::Rule") if "Visits" in name
    ]
    assert (metric["Namespace"], metric["Statistic"]) == ("AWS/Events", "Sum")
    assert metric["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule}}]
    alarm = alarms_by_metric(plant, ("anomaly",))["SensorsUnwatched"]
    assert {query["MetricStat"]["Period"] for query in alarm["Metrics"] if "MetricStat" in query} == {1800}
    assert "SensorsUnwatched" not in alarms_by_metric()


def statements(plant: dict, kind: str, owner: str) -> list[dict]:
    """The statements that allow something in the policies on a topic or queue."""
    policies = [policy["Properties"] for policy in of_type(template(plant), kind).values()]
    mine = [policy for policy in policies if {"Ref": owner} in (policy.get("Topics") or policy["Queues"])]
    return [
        statement
        for policy in mine
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def test_alarms_of_this_account_may_publish_to_their_topic():
    topic = alarms_by_metric()["Errors"]["AlarmActions"][0]["Ref"]
    [allowed] = statements({}, "AWS::SNS::TopicPolicy", topic)
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_rules_may_publish_to_every_topic_that_is_their_target():
    plant = {"alerts": [{"name": "one"}, {"name": "two"}]}
    for rule in of_type(template(plant), "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            if "Ref" in target["Arn"]:
                [allowed] = statements(plant, "AWS::SNS::TopicPolicy", target["Arn"]["Ref"])
                assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
                assert "Condition" not in allowed, "EventBridge takes none in a topic's policy"


def test_one_statement_lets_any_number_of_the_bus_s_rules_send_dead_letters():
    plant = {"alerts": [{"name": f"alert{number}"} for number in range(25)]}
    [queue] = of_type(template(plant), "AWS::SQS::Queue")
    [allowed] = statements(plant, "AWS::SQS::QueuePolicy", queue)
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    [bus] = of_type(template(plant), "AWS::Events::EventBus")
    assert bus in json.dumps(allowed["Condition"]["ArnLike"]["aws:SourceArn"])


def test_rules_may_write_the_log_of_events():
    [(log, resource)] = [
        (name, log) for name, log in of_type(template(), "AWS::Logs::LogGroup").items() if "EventLog" in name
    ]
    name = resource["Properties"]["LogGroupName"]
    assert name == f"/aws/events/{PLANT}", "EventBridge writes to logs of this prefix"
    policy = json.dumps(the(template(), "AWS::Logs::ResourcePolicy")["PolicyDocument"])
    assert "events.amazonaws.com" in policy
    assert "logs:CreateLogStream" in policy
    assert "logs:PutLogEvents" in policy
    assert json.dumps({"Fn::GetAtt": [log, "Arn"]}) in policy
    rules = of_type(template(), "AWS::Events::Rule").values()
    [target] = [one for rule in rules for one in rule["Properties"]["Targets"] if one["Id"] == "Log"]
    assert json.dumps(target["Arn"]).endswith(f':log-group:{name}"]]}}')


def test_events_are_logged_for_a_month_and_undelivered_alerts_wait_for_two_weeks():
    logs = of_type(template(), "AWS::Logs::LogGroup").values()
    assert {log["Properties"]["RetentionInDays"] for log in logs} == {30}
    assert the(template(), "AWS::SQS::Queue")["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_chats_get_no_more_than_a_message_a_second_which_is_what_they_take():
    plant = {"alerts": [{"name": "all", "to": EVERY_TARGET}]}
    destinations = of_type(template(plant), "AWS::Events::ApiDestination").values()
    rates = [destination["Properties"].get("InvocationRateLimitPerSecond") for destination in destinations]
    assert rates == [1, 1, None, None], "Slack and Teams; PagerDuty and webhooks"


def test_existing_topics_and_buses_are_targets():
    topic, bus = "arn:aws:sns:eu-west-1:123456789012:t", "arn:aws:events:eu-west-1:210987654321:event-bus/b"
    plant = {"alerts": [{"name": "all", "to": {"topic_arns": [topic], "bus_arns": [bus]}}]}
    rules = of_type(template(plant), "AWS::Events::Rule").values()
    [alert] = [rule["Properties"]["Targets"] for rule in rules if "lag_s" in json.dumps(rule)]
    arns = {json.dumps(target["Arn"]): target for target in alert}
    assert "InputTransformer" in arns[json.dumps(topic)]
    assert "RoleArn" in arns[json.dumps(bus)]


def test_what_a_use_case_asks_for_is_what_its_function_gets():
    asked = {
        "memory_mb": 2048,
        "timeout_s": 61,
        "ephemeral_storage_mb": 1024,
        "snap_start": False,
        "pages": 3,
        "signals_per_page": 70,
        "believed_from": "1990-05-01",
        "believed_ahead_s": 60,
    }
    plant = {"use_cases": {"drift": asked}, "archive_days": 7}
    function = the(template(plant), "AWS::Lambda::Function")
    assert (function["MemorySize"], function["Timeout"]) == (2048, 61)
    assert function["EphemeralStorage"] == {"Size": 1024}
    assert "SnapStart" not in function
    assert function["Environment"]["Variables"]["MODEL_PAGES"] == "3"
    assert function["Environment"]["Variables"]["PAGE_SIGNALS_MAX"] == "70"
    assert read_time_limits(function["Environment"]["Variables"]) == TimeLimits(641_520_000.0, 60.0)
    assert the(template(plant), "AWS::Events::Archive")["RetentionDays"] == 7


def test_an_alarm_on_what_should_not_happen_rings_when_it_does_and_is_silent_at_nothing():
    alarms = alarms_by_metric()
    assert {alarm["ComparisonOperator"] for alarm in alarms.values()} == {"GreaterThanThreshold"}
    bounds = {name: alarm["Threshold"] for name, alarm in alarms.items() if alarm["Threshold"]}
    assert bounds == {
        "IteratorAge": 600_000,
        "PageConflicts": 20,
        "ModelsCreated": 1000,
        "Quarantined": 10,
        "WriteProvisionedThroughputExceeded": 100,
        "ParseError": 10,
    }


def test_writers_go_before_the_buckets_are_emptied():
    [mapping] = of_type(template({"removal": "destroy"}), "AWS::Lambda::EventSourceMapping").values()
    emptied = of_type(template({"removal": "destroy"}), "Custom::S3AutoDeleteObjects")
    [rule] = of_type(template({"removal": "destroy"}), "AWS::IoT::TopicRule").values()
    assert set(emptied) <= set(mapping["DependsOn"]) | set(rule["DependsOn"])


def test_no_data_is_an_alarm_also_where_there_are_no_figures_at_all():
    alarm = alarms_by_metric({"alarms": {"no_data_minutes": 30}})["NoData"]
    assert alarm["TreatMissingData"] == "breaching"
    [calculated] = [query for query in alarm["Metrics"] if "Expression" in query]
    [arrived] = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
    assert alarm["EvaluationPeriods"] * arrived["Period"] == 30 * 60
    assert arrived["Metric"]["MetricName"] == "IncomingRecords"
    assert calculated["Expression"] == "IF(FILL(arrived, 0) < 1, 1, 0)"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)


def test_no_figures_of_anything_else_are_no_alarm():
    treated = {name: alarm["TreatMissingData"] for name, alarm in alarms_by_metric().items()}
    assert {name for name, treatment in treated.items() if treatment == "breaching"} == MUST_BE
    assert set(treated.values()) == {"breaching", "notBreaching"}


def test_what_heals_by_itself_is_an_alarm_only_where_it_lasts():
    lasting = {name for name, alarm in alarms_by_metric().items() if alarm["EvaluationPeriods"] == 3}
    assert lasting == {"NoData", "Errors", "Throttles", "PagesFailed", "PageConflicts"}
    assert {alarm.get("Period") for alarm in alarms_by_metric().values()} == {300, 3600, None}


def test_thresholds_are_those_of_cdk_json():
    asked = {
        "iterator_age_minutes": 7,
        "new_models_per_hour": 12,
        "quarantined_per_hour": 0,
        "rejected_records_per_hour": 3,
    }
    alarms = alarms_by_metric({"alarms": asked})
    for name, bound in {"Quarantined": 0, "ParseError": 0, "WriteProvisionedThroughputExceeded": 3}.items():
        assert (alarms[name]["Threshold"], alarms[name]["Period"]) == (bound, 3600)
    assert alarms["IteratorAge"]["Threshold"] == 7 * 60_000
    assert (alarms["ModelsCreated"]["Threshold"], alarms["ModelsCreated"]["Period"]) == (12, 3600)


WITHOUT_TAGS = {
    "AWS::Events::Archive",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::Logs::ResourcePolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}


def test_every_resource_that_can_be_is_tagged_with_the_plant():
    resources = template({"tags": {"cost-centre": "42"}})["Resources"].values()
    untagged = {resource["Type"] for resource in resources if "Tags" not in resource["Properties"]}
    assert untagged == WITHOUT_TAGS
    for resource in resources:
        if resource["Type"] not in WITHOUT_TAGS:
            tags = resource["Properties"]["Tags"]
            # AWS writes a map or a list, from type to type.
            tags = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
            expected = {"application": "kinesis-river", "plant": PLANT, "cost-centre": "42"}
            assert tags.items() >= expected.items(), resource["Type"]


def test_what_a_user_needs_is_an_output():
    outputs = template({"alerts": [{"name": "on-call"}]})["Outputs"]
    assert set(outputs) == {
        "StreamName",
        "StreamArn",
        "ModelBucketName",
        "FailedBatchBucketName",
        "EventBusName",
        "EventBusArn",
        "EventLogGroupName",
        "UndeliveredAlertsQueueUrl",
        "AlertTopicArnOnCall",
        "AlarmTopicArn",
        "DashboardName",
        "UseCases",
        "FunctionNameDrift",
        "LogGroupNameDrift",
        "RejectedMessageBucketName",
        "EventSourceMappingIdDrift",
        "SendOneValue",
        "SeeEvents",
        "SeeLogDrift",
    }


def test_producer_sim_finds_what_it_reads_among_the_outputs():
    use_cases = ("drift", "slow-steps")
    config = {"use_cases": {name: {} for name in use_cases}, "alerts": [{"name": "on-call"}]}
    given = template(config, use_cases)["Outputs"]
    outputs = {name: str(output["Value"]) for name, output in given.items()}
    pipeline = pipeline_of_stack("Plant", outputs, Account())
    assert tuple(models.use_case for models in pipeline.models) == use_cases
    assert set(pipeline.alert_topic_arns) == {"OnCall"}
    for models in pipeline.models:
        for name in (models.function_name, models.log, models.mapping_id):
            assert name


def test_the_dashboard_answers_its_questions():
    board = json.dumps(the(template(), "AWS::CloudWatch::Dashboard")["DashboardBody"])
    questions = (
        "What needs a person?",
        "Is data arriving?",
        "Which use case stopped?",
        "Do functions fail?",
        "Is it learned?",
        "How late?",
        "Which clocks are wrong?",
        "Do alerts arrive?",
        "What is drifting?",
        "Which sensors are faulty?",
    )
    for question in questions:
        assert question in board
    for metric in (
        "IncomingRecords",
        "ObservationsLearned",
        "ArrivalToLearned",
        "IteratorAge",
        "TimesNotBelieved",
        "EventsPublished",
        "Errors",
        "Throttles",
        "ApproximateNumberOfMessagesVisible",
    ):
        assert metric in board
    assert "detail.signal" in board


def widgets(plant, known):
    """Of the dashboard, with the references of its text by their logical ids."""
    whole = template(plant, known)
    text = the(whole, "AWS::CloudWatch::Dashboard")["DashboardBody"]
    pieces = [
        piece if isinstance(piece, str) else piece.get("Ref") or piece["Fn::GetAtt"][0]
        for piece in text["Fn::Join"][1]
    ]
    return [widget["properties"] for widget in json.loads("".join(pieces))["widgets"]]


def test_the_dashboard_shows_every_alarm_and_a_line_for_each_use_case():
    known = ("anomaly", "shift")
    plant = {"use_cases": {name: {} for name in known}}
    by_title = {widget["title"].partition("?")[0]: widget for widget in widgets(plant, known)}
    alarms = of_type(template(plant, known), "AWS::CloudWatch::Alarm")
    assert sorted(by_title["What needs a person"]["alarms"]) == sorted(alarms)
    lines = by_title["Which use case stopped"]["metrics"]
    assert [(line[1], line[-1]["label"]) for line in lines] == [("Records", name) for name in known]
    lines = by_title["Do functions fail"]["metrics"]
    assert [line[-1]["label"] for line in lines] == [
        f"{name} {use_case}" for name in ("Errors", "Throttles") for use_case in known
    ]
    assert "not (`detail-type` in" in by_title["What is drifting"]["query"]
    assert "filter `detail-type` in" in by_title["Which sensors are faulty"]["query"]
