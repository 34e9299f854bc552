"""The permissions that the documents list, as IAM policies for a deployed stack."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parents[2] / "docs"
_ACCOUNT = "000000000000"
ASKED_HERE = {"sqs:DeleteMessage": "sqs:DeleteMessageBatch"}
"""What the emulator's IAM asks for beside an action: on AWS, that one covers its batches."""
ASKED_OF_ALL_HERE = {"kinesis:GetRecords"}
"""The emulator's IAM does not know of which stream a shard iterator is: it asks for all."""


class Documented:
    """What a stack's operators may do, by the stack's outputs."""

    def __init__(self, stack: str, outputs: Mapping[str, str], region: str) -> None:
        self._outputs, self._place = outputs, f"{region}:{_ACCOUNT}"
        self._stack = f"arn:aws:cloudformation:{self._place}:stack/{stack}/*"
        self._bucket = f"arn:aws:s3:::{outputs['ModelBucketName']}"

    def smoke(self) -> dict[str, Any]:
        """The table of docs/deploy.md, without what only explains a failure."""
        text = (_DOCS / "deploy.md").read_text().partition("\nThe credentials need:\n")[2]
        rows = re.findall(r"^\| (`.+) \| (.+) \|$", text.partition("\n### ")[0], re.MULTILINE)
        bus = self._outputs["EventBusArn"]
        topics = [arn for name, arn in self._outputs.items() if name.startswith("AlertTopicArn")]
        resources = {
            "the stack": [self._stack],
            "the stream, for `smoke`": [self._outputs["StreamArn"]],
            "the bucket of models, for `smoke`": [self._bucket, f"{self._bucket}/*"],
            "the bus, and its rules `river-observe-*`": [
                bus,
                f"{bus.replace(':event-bus/', ':rule/')}/river-observe-*",
            ],
            "the alerts' topics": topics,
            "`*`: it takes no resource": ["*"],
            "queues `river-observe-*`": [f"arn:aws:sqs:{self._place}:river-observe-*"],
        }
        for_failures = "only to explain why a hop failed"
        assert {on for _, on in rows} == {*resources, for_failures}
        return _policy([(actions(text), resources[on]) for text, on in rows if on != for_failures])

    def command(self, takes: set[str]) -> dict[str, Any]:
        """A command of the table in docs/operations.md, which `takes` these actions."""
        text = (_DOCS / "operations.md").read_text()
        assert "The objects are those of the model bucket under `models/`, and `mutes.json`" in text
        objects = [f"{self._bucket}/models/*", f"{self._bucket}/mutes.json"]
        return self._of(dict.fromkeys(takes, objects) | {"cloudformation:DescribeStacks": []})

    def upgrade_build(self) -> dict[str, Any]:
        """`upgrade build` without `--pause`, as its section in docs/operations.md has it."""
        text = (_DOCS / "operations.md").read_text()
        section = text.partition("\n## Upgrade River, or change a model\n")[2].partition("\n## ")[0]
        needs = section.partition("\nIt needs on the model bucket ")[2].partition(" With `--pause`")[0]
        assert needs
        on: dict[str, list[str]] = {"cloudformation:DescribeStacks": []}
        for token in re.findall(r"`([^`]+)`", needs):
            if token.endswith("/"):  # of the action before
                on[list(on)[-1]].append(f"{self._bucket}/{token}*")
            else:
                on[token if ":" in token else f"{list(on)[-1].partition(':')[0]}:{token}"] = []
        return self._of(on)

    def _of(self, on: Mapping[str, list[str]]) -> dict[str, Any]:
        functions = [name for key, name in self._outputs.items() if key.startswith("FunctionName")]
        log = f"arn:aws:logs:{self._place}:log-group:{self._outputs['EventLogGroupName']}:*"
        resources = {
            "cloudformation": [self._stack],
            "kinesis": [self._outputs["StreamArn"]],
            "lambda": [f"arn:aws:lambda:{self._place}:function:{name}" for name in functions],
            "logs": [log],
            "s3": [self._bucket],
        }
        return _policy(
            [
                ([action], objects if "Object" in action else resources[action.partition(":")[0]])
                for action, objects in on.items()
            ]
        )


def actions(text: str) -> list[str]:
    """Of a list in a document: each of the service of the one before.

    >>> actions("`kinesis:PutRecord`, `GetRecords`")
    ['kinesis:PutRecord', 'kinesis:GetRecords']
    """
    found: list[str] = []
    for token in re.findall(r"`([\w:]+)`", text):
        found.append(token if ":" in token else f"{found[-1].partition(':')[0]}:{token}")
    return found


def _policy(grants: list[tuple[list[str], list[str]]]) -> dict[str, Any]:
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": [*actions, *(ASKED_HERE[one] for one in actions if one in ASKED_HERE)],
            "Resource": resources,
        }
        for actions, resources in grants
    ]
    on_all_here = [one for actions, _ in grants for one in actions if one in ASKED_OF_ALL_HERE]
    if on_all_here:
        statements.append({"Effect": "Allow", "Action": on_all_here, "Resource": "*"})
    return {"Version": "2012-10-17", "Statement": statements}
