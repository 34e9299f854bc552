"""Plants of many kinds, as `cdk.json` would say them: what each rule on templates has to hold for."""

from typing import Any

SECRET = {"secret_arn": "arn:aws:secretsmanager:eu-west-1:210987654321:secret:token-AbCdEf"}
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/telemetry"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OPERATORS = "arn:aws:iam::123456789012:role/operators"
SHIPPED = {"anomaly": {"batch_window_s": 10}, "shift": {"batch_window_s": 10}}
TOPIC = "arn:aws:sns:eu-west-1:210987654321:on-call"
OPS_ITEM = "arn:aws:ssm:eu-west-1:210987654321:opsitem:2#CATEGORY=Availability"
PLAN = "arn:aws:ssm-incidents::210987654321:response-plan/plant"

VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {"use_cases": SHIPPED},
    "drift only": {},
    "a provisioned stream": {"stream": {"mode": "provisioned", "shards": 4, "retention_hours": 168}},
    "an existing stream with a key": {"stream": {"arn": STREAM, "key_arn": KEY}, "use_cases": SHIPPED},
    "fan-out": {"use_cases": {"drift": {"enhanced_fan_out": True}}},
    "a page for each signal": {"use_cases": {"drift": {"pages": 0, "parallelization_factor": 10}}},
    "no snapshot": {"use_cases": {"drift": {"snap_start": False, "ephemeral_storage_mb": 2048}}},
    "existing targets of alerts": {
        "alerts": [
            {
                "name": "all",
                "assets": ["pump 7"],
                "severities": ["critical"],
                "to": {
                    "emails": ["ops@example.com"],
                    "topic_arns": [TOPIC],
                    "queue_arns": ["arn:aws:sqs:eu-west-1:210987654321:tickets"],
                    "bus_arns": ["arn:aws:events:eu-west-1:123456789012:event-bus/central"],
                },
            }
        ]
    },
    "web targets of alerts": {
        "alerts": [
            {
                "name": "all",
                "also_late": True,
                "to": {
                    "slack": [{"channel": "#alerts", **SECRET}],
                    "teams": [{"url": "https://example.com/workflow?api-version=1", **SECRET}],
                    "pagerduty": [SECRET],
                    "webhooks": [{"url": "https://example.com/events", **SECRET}],
                },
            }
        ]
    },
    "MQTT": {
        "ingest": {
            "sitewise_key": "asset",
            "mqtt": [
                {"sql": "SELECT * FROM 'plants/+/opcua/+'", "partition_key": "${topic(4)}"},
                {"sql": "SELECT v AS value FROM 'gauges/#'", "partition_key": "${topic(2)}"},
            ],
        }
    },
    "nothing comes in by itself": {"ingest": {"sitewise": False}},
    "destroyed with the stack": {"removal": "destroy", "use_cases": SHIPPED},
    "by asset": {"placement": "asset", "use_cases": SHIPPED},
    "a company's rules": {
        "account": "210987654321",
        "region": "eu-west-1",
        "operators": [OPERATORS],
        "logs": {"retention_days": 365, "access_logs_bucket": "central-logs"},
        "alarms": {"emails": ["sre@example.com"], "action_arns": [TOPIC, OPS_ITEM, PLAN]},
        "removal": "destroy",
        "tags": {"cost-centre": "42"},
        "vpc": {
            "id": "vpc-0123456789abcdef0",
            "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            "security_group_ids": ["sg-0123456789abcdef0"],
        },
        "kms_key_arn": "arn:aws:kms:eu-west-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "roles": {
            "permissions_boundary": "arn:aws:iam::210987654321:policy/boundary",
            "name_prefix": "factory-",
        },
        "termination_protection": True,
        "use_cases": {"drift": {"reserved_concurrency": 20}},
        "rules": ["nist-800-53-r5", "hipaa"],
    },
    "a bucket that exists": {"models_bucket": "central-models", "removal": "destroy"},
    "a stream of another account": {
        "account": "210987654321",
        "stream": {"arn": STREAM, "key_arn": KEY},
        "ingest": {"sitewise": False},
        "use_cases": SHIPPED,
    },
    "a region without SnapStart": {"region": "ap-east-2"},
}


def use_cases(plant: dict[str, Any]) -> tuple[str, ...]:
    """Those that it deploys."""
    return tuple(plant.get("use_cases", {"drift": {}}))
