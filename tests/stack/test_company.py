"""What a company's rules ask for is in the template, and all of it passes its rule packs."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from aws_cdk import App, assertions
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from pydantic import TypeAdapter, ValidationError

from stack.company.company_config import AccountId, PolicyArn, Region
from stack.company.roles import ROLE_NAME_MAX
from stack.context import InvalidConfiguration, read_plants
from stack.pipeline_stack import PipelineStack
from stack.security_review import review
from tests.stack.synthesis import of_type, template

DEPLOY = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
ACCOUNT, REGION = "123456789012", "eu-west-1"


def arn(service: str, resource: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


KEY = arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
VPC = {
    "id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "security_group_ids": ["sg-0123456789abcdef0"],
}
SECRET = {"secret_arn": arn("secretsmanager", "secret:token-AbCdEf")}
# All that a company may ask for, of a plant that uses all kinds of resources.
COMPANY = {
    "account": ACCOUNT,
    "region": REGION,
    "vpc": VPC,
    "kms_key_arn": KEY,
    "roles": {"permissions_boundary": BOUNDARY, "name_prefix": "corp-"},
    "termination_protection": True,
    "rules": ["nist-800-53-r5", "hipaa"],
    "use_cases": {
        "drift": {"reserved_concurrency": 4, "enhanced_fan_out": True},
        "anomaly": {"reserved_concurrency": 8},
    },
    "stream": {"mode": "provisioned", "shards": 4},
    "alerts": [
        {
            "name": "sent",
            "to": {
                "emails": ["ops@example.com"],
                "topic_arns": [arn("sns", "on-call")],
                "queue_arns": [arn("sqs", "tickets")],
                "bus_arns": [arn("events", "event-bus/central", "us-east-1", "210987654321")],
                "slack": [{"channel": "#alerts", **SECRET}],
            },
        }
    ],
    "removal": "destroy",
}
CONTROLS = {"NIST.800.53.R5", "HIPAA.Security"}


class Synthesised(NamedTuple):
    app: App
    stacks: dict[str, PipelineStack]

    def template(self, plant: str) -> dict:
        return json.loads((Path(self.app.outdir) / f"{plant}.template.json").read_text())

    def artifact(self, plant: str) -> dict:
        return json.loads((Path(self.app.outdir) / "manifest.json").read_text())["artifacts"][plant]

    def reports(self) -> list[dict]:
        """Of each rule pack, and each stack that asks for it."""
        return json.loads((Path(self.app.outdir) / "validation-report.json").read_text())["pluginReports"]


def made(folder: Path, plants: dict) -> Synthesised:
    """The stacks of plants, reviewed when they are synthesised, as `app.py` does it."""
    shipped = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]
    context = {**shipped, "plants": plants, "aws:cdk:disable-asset-staging": True}
    app = App(outdir=str(folder), context=context)
    checked = read_plants(app.node.try_get_context("plants"), ("drift", "anomaly"))
    stacks = {name: PipelineStack(app, name, config) for name, config in checked.items()}
    review(app, {stacks[name]: config.rules for name, config in checked.items()})
    return Synthesised(app, stacks)


@pytest.fixture(scope="module")
def company(tmp_path_factory) -> Synthesised:
    """The company's plant, and one of hers beside it that asks for a prefix alone."""
    prefix_alone = {"roles": {"name_prefix": "p" * 24}, "removal": "destroy"}
    synthesised = made(tmp_path_factory.mktemp("company"), {"Company": COMPANY, "South": prefix_alone})
    synthesised.app.synth()
    return synthesised


def own_functions(of: dict) -> list[dict]:
    functions = [function["Properties"] for function in of_type(of, "AWS::Lambda::Function").values()]
    return [function for function in functions if function["Handler"] == "consumer.handler.handler"]


# Where it may be.


def test_the_stack_is_of_the_account_and_the_region_and_protected(company):
    artifact = company.artifact("Company")
    assert artifact["environment"] == f"aws://{ACCOUNT}/{REGION}"
    assert artifact["properties"]["terminationProtection"] is True
    other = company.artifact("South")
    assert other["environment"] == "aws://unknown-account/unknown-region"
    assert not other["properties"].get("terminationProtection")


def test_nothing_is_looked_up_and_no_warning_is_printed(company):
    manifest = json.loads((Path(company.app.outdir) / "manifest.json").read_text())
    assert "missing" not in manifest
    for stack in company.stacks.values():
        found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
        assert [one.entry.data for one in found] == []


# The roles.


def role_names(of: dict) -> list[str]:
    """As deployed in a region whose name is as long as names of regions are."""
    names = [role["Properties"]["RoleName"] for role in of_type(of, "AWS::IAM::Role").values()]
    longest = {"Ref": "AWS::Region"}
    return [
        name
        if isinstance(name, str)
        else "".join("r" * 16 if part == longest else part for part in name["Fn::Join"][1])
        for name in names
    ]


def test_every_role_has_the_boundary_and_the_prefix_the_bucket_emptiers_too(company):
    roles = of_type(company.template("Company"), "AWS::IAM::Role")
    assert any("CustomS3AutoDeleteObjects" in name for name in roles)
    assert len(roles) == 6, "two functions, AWS IoT's rules, two of EventBridge's targets, the emptier"
    assert {role["Properties"]["PermissionsBoundary"] for role in roles.values()} == {BOUNDARY}
    assert all(name.startswith("corp-") for name in role_names(company.template("Company")))


def test_names_of_roles_fit_and_no_two_roles_share_one_in_whatever_stack_and_region(company):
    names = [name for plant in company.stacks for name in role_names(company.template(plant))]
    assert len({name.lower() for name in names}) == len(names) == 6 + 3
    assert all(re.fullmatch(r"[\w+=,.@-]+", name) for name in names)
    assert max(len(name) for name in names) <= ROLE_NAME_MAX
    assert all(name.endswith((f"-{REGION}", "-" + "r" * 16)) for name in names)


# The network.


def test_the_functions_are_in_the_vpc_and_what_empties_buckets_is_not(company):
    of = company.template("Company")
    inside = {"SubnetIds": VPC["subnet_ids"], "SecurityGroupIds": VPC["security_group_ids"]}
    assert [function["VpcConfig"] for function in own_functions(of)] == [inside, inside]
    assert len(of_type(of, "AWS::Lambda::Function")) == 3
    assert json.dumps(of).count('"VpcConfig"') == 2


def statements_of_roles(of: dict, action: str) -> list[dict]:
    return [
        statement
        for role in of_type(of, "AWS::IAM::Role").values()
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if any(one.startswith(action) for one in as_list(statement["Action"]))
    ]


def as_list(one_or_more) -> list:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def test_lambda_may_make_interfaces_in_that_vpc_alone_and_the_functions_code_may_not(company):
    found = statements_of_roles(company.template("Company"), "ec2:")
    allowed = [one for one in found if one["Effect"] == "Allow"]
    denied = [one for one in found if one["Effect"] == "Deny"]
    assert len(allowed) == len(denied) == 2
    for one in allowed:
        assert one["Condition"] == {"ArnLikeIfExists": {"ec2:Vpc": f"arn:*:ec2:*:*:vpc/{VPC['id']}"}}
        assert {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"} <= set(one["Action"])
    for one, other in zip(denied, allowed, strict=True):
        assert one["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
        assert one["Action"] == other["Action"]


def test_as_many_invocations_are_reserved_as_asked_for(company):
    functions = own_functions(company.template("Company"))
    reserved = {
        function["Environment"]["Variables"]["USE_CASE"]: function["ReservedConcurrentExecutions"]
        for function in functions
    }
    assert reserved == {"drift": 4, "anomaly": 8}


# The key.


ENCRYPTED = {
    "AWS::S3::Bucket": lambda of: next(
        rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        for rule in of["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        if rule["BucketKeyEnabled"] is True
        and rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    ),
    "AWS::Kinesis::Stream": lambda of: of["StreamEncryption"]["KeyId"],
    "AWS::SNS::Topic": lambda of: of["KmsMasterKeyId"],
    "AWS::SQS::Queue": lambda of: of["KmsMasterKeyId"],
    "AWS::Logs::LogGroup": lambda of: of["KmsKeyId"],
    "AWS::Events::EventBus": lambda of: of["KmsKeyIdentifier"],
    "AWS::Events::Archive": lambda of: of["KmsKeyIdentifier"],
}
# EventBridge keeps a connection's secret under its own key; the bucket emptier has no environment.
KEEP_NOTHING = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::ApiDestination",
    "AWS::Events::Connection",
    "AWS::Events::Rule",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IoT::TopicRule",
    "AWS::Kinesis::StreamConsumer",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::ResourcePolicy",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "Custom::S3AutoDeleteObjects",
}


def test_all_that_the_stack_keeps_is_encrypted_by_the_companys_key(company):
    of = company.template("Company")
    kinds = {resource["Type"] for resource in of["Resources"].values()}
    assert kinds - KEEP_NOTHING == set(ENCRYPTED)
    for kind, key_in in ENCRYPTED.items():
        for name, resource in of_type(of, kind).items():
            assert key_in(resource["Properties"]) == KEY, name
    assert [function["KmsKeyArn"] for function in own_functions(of)] == [KEY, KEY]


def test_roles_may_use_that_key_and_no_other_for_what_they_do_with_it(company):
    found = statements_of_roles(company.template("Company"), "kms:")
    assert {json.dumps(one["Resource"]) for one in found} == {json.dumps(KEY)}
    actions = sorted(tuple(as_list(one["Action"])) for one in found)
    of_a_function = ("kms:Decrypt", "kms:GenerateDataKey")
    assert actions == [of_a_function, of_a_function, ("kms:GenerateDataKey",)], "the last is AWS IoT's"


def test_the_bus_keeps_what_it_cannot_encrypt_in_the_queue_which_it_may_send_to(company):
    of = company.template("Company")
    [(bus, resource)] = of_type(of, "AWS::Events::EventBus").items()
    [queue] = of_type(of, "AWS::SQS::Queue")
    assert resource["Properties"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}
    [policy] = of_type(of, "AWS::SQS::QueuePolicy").values()
    [allowed] = [
        one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"
    ]
    assert {"Fn::GetAtt": [bus, "Arn"]} in allowed["Condition"]["ArnLike"]["aws:SourceArn"]


def services(policies: list[dict]) -> set[str]:
    """The service principals that policies of resources allow something."""
    return {
        statement["Principal"]["Service"]
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }


def test_the_documented_key_policy_names_each_service_that_uses_the_key_in_its_own_name(company):
    of = company.template("Company")
    # Who sends to an encrypted topic or queue encrypts; the bus, its archive and logs encrypt themselves.
    need = services(list(of_type(of, "AWS::SNS::TopicPolicy").values()))
    need |= services(list(of_type(of, "AWS::SQS::QueuePolicy").values()))
    need |= {"events.amazonaws.com"} if of_type(of, "AWS::Events::EventBus") else set()
    need |= {f"logs.{REGION}.amazonaws.com"} if of_type(of, "AWS::Logs::LogGroup") else set()
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", DEPLOY, flags=re.DOTALL)]
    [policy] = [block for block in blocks if "kms:" in json.dumps(block)]
    documented = {one["Principal"]["Service"]: one for one in policy["Statement"]}
    assert set(documented) == need
    for statement in documented.values():
        actions = set(statement["Action"])
        assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= actions
        assert statement["Effect"] == "Allow"
    # EventBridge says for no resource, where it sends to a topic, and asks for more at its archive.
    assert "Condition" not in documented["events.amazonaws.com"]
    assert {"kms:DescribeKey", "kms:ReEncrypt*"} <= set(documented["events.amazonaws.com"]["Action"])


# The rule packs.


def test_the_companys_rule_packs_have_nothing_that_is_not_acknowledged_with_a_reason(company):
    reports = {report["pluginName"]: report for report in company.reports()}
    assert reports.keys() >= CONTROLS | {"AwsSolutions"}
    for name, report in reports.items():
        assert report["conclusion"] == "success", name
        assert not report["violations"], name
    for pack in CONTROLS:
        accepted = reports[pack]["suppressedViolations"]
        assert {one["ruleName"].removeprefix(f"{pack}-") for one in accepted} == {
            "IAMNoInlinePolicy",
            "LambdaDLQ",
            "S3BucketLoggingEnabled",
            "S3BucketReplicationEnabled",
            "S3BucketVersioningEnabled",
        }
        assert all(len(one["reason"].split()) > 5 for one in accepted)


def test_a_plant_that_asks_for_no_pack_is_not_reviewed_by_one(company):
    of_packs = [report for report in company.reports() if report["pluginName"] in CONTROLS]
    assert len(of_packs) == 2
    for report in of_packs:
        assert "Company/" in json.dumps(report)
        assert "South/" not in json.dumps(report)


def test_what_is_put_beside_without_encryption_is_found_and_so_is_what_a_plant_did_not_set(tmp_path):
    bare = {"rules": ["hipaa"]}
    synthesised = made(tmp_path, {"Company": COMPANY, "Bare": bare})
    sns.Topic(synthesised.stacks["Company"], "Beside", enforce_ssl=True)
    s3.CfnBucket(synthesised.stacks["Company"], "Open")
    with pytest.raises(RuntimeError, match=r"HIPAA\.Security"):
        synthesised.app.synth()
    found = {
        (violation["ruleName"], construct["constructPath"])
        for report in synthesised.reports()
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    }
    for pack in CONTROLS:
        assert (f"{pack}-SNSEncryptedKMS", "Company/Beside/Resource") in found
        assert (f"{pack}-S3DefaultEncryptionKMS", "Company/Open") in found
        assert (f"{pack}-S3BucketVersioningEnabled", "Company/Open") in found
    of_bare = {rule.removeprefix("HIPAA.Security-") for rule, path in found if path.startswith("Bare/")}
    assert of_bare == {
        "CloudWatchLogGroupEncrypted",
        "LambdaConcurrency",
        "LambdaInsideVPC",
        "S3DefaultEncryptionKMS",
        "SNSEncryptedKMS",
    }


# What is not asked for is not there, and what is asked for wrongly is refused.


def test_a_plant_without_rules_of_a_company_has_none_of_it():
    text = json.dumps(template())
    for name in ("VpcConfig", "PermissionsBoundary", "RoleName", "ReservedConcurrent", "KmsMasterKey"):
        assert f'"{name}' not in text
    assert "arn:aws:kms" not in text
    assert "ec2:" not in text


def use_case(**fields) -> dict:
    return {"use_cases": {"drift": fields}}


ELSEWHERE = arn("kinesis", "stream/telemetry", "us-east-1")
WRONG = {
    "an account as a number": ({"account": 123456789012}, "account", "valid string"),
    "an account too short": ({"account": "12345678901"}, "account", "12 digits"),
    "a zone": ({"region": "eu-west-1a"}, "region", "such as eu-west-1"),
    "a stream elsewhere": (
        {"region": REGION, "stream": {"arn": ELSEWHERE}},
        "",
        "has stream.arn of us-east-1 and region eu-west-1; allowed: an ARN of eu-west-1",
    ),
    "a key elsewhere": (
        {"region": "us-east-1", "kms_key_arn": KEY},
        "",
        "has kms_key_arn of eu-west-1 and region us-east-1",
    ),
    "a secret elsewhere": (
        {"region": "us-east-1", "alerts": [{"name": "a", "to": {"pagerduty": [SECRET]}}]},
        "",
        "has alerts[0].to.pagerduty[0].secret_arn of eu-west-1",
    ),
    "a queue of another account": (
        {
            "account": "210987654321",
            "alerts": [{"name": "a", "to": {"queue_arns": [arn("sqs", "tickets")]}}],
        },
        "",
        "has alerts[0].to.queue_arns[0] of account 123456789012 and account 210987654321; allowed: one of",
    ),
    "a VPC alone": ({"vpc": {"id": VPC["id"]}}, "vpc", "has no subnet_ids and no security_group_ids"),
    "a VPC's name": ({"vpc": {**VPC, "id": "corporate"}}, "vpc.id", "such as vpc-0123456789abcdef0"),
    "a subnet twice": (
        {"vpc": {**VPC, "subnet_ids": ["subnet-01234567"] * 2}},
        "vpc.subnet_ids",
        "allowed: each once",
    ),
    "a group for a subnet": (
        {"vpc": {**VPC, "subnet_ids": ["sg-01234567"]}},
        "vpc.subnet_ids[0]",
        "such as subnet-",
    ),
    "an alias for a key": (
        {"kms_key_arn": arn("kms", "alias/corporate")},
        "kms_key_arn",
        "such as arn:aws:kms:",
    ),
    "a role for a boundary": (
        {"roles": {"permissions_boundary": f"arn:aws:iam::{ACCOUNT}:role/x"}},
        "roles.permissions_boundary",
        "a policy's ARN such as",
    ),
    "a long prefix": ({"roles": {"name_prefix": "x" * 25}}, "roles.name_prefix", "up to 24 letters"),
    "a path for a prefix": ({"roles": {"name_prefix": "corp/"}}, "roles.name_prefix", "up to 24 letters"),
    "a pack there is not": ({"rules": ["pci"]}, "rules[0]", "'nist-800-53-r5' or 'hipaa'"),
    "a pack twice": ({"rules": ["hipaa", "hipaa"]}, "rules", "each once"),
    "nothing reserved": (
        use_case(reserved_concurrency=0),
        "use_cases.drift.reserved_concurrency",
        "equal to 1",
    ),
    "less reserved than the shards need": (
        {
            "stream": {"mode": "provisioned", "shards": 3},
            **use_case(reserved_concurrency=5, parallelization_factor=2, pages=0),
        },
        "",
        "has use_cases.drift.reserved_concurrency 5; allowed: 6 or more",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_mistake_is_answered_with_its_path_and_what_is_allowed(wrong):
    plant, path, allowed = WRONG[wrong]
    with pytest.raises(InvalidConfiguration) as raised:
        read_plants({"North": plant}, ["drift"])
    [mistake] = str(raised.value).splitlines()[1:]
    assert mistake.startswith(f"  context.plants.North{'.' * bool(path)}{path} ")
    assert allowed in mistake


@pytest.mark.parametrize(
    "plant",
    [
        COMPANY,
        {"region": "us-gov-west-1"},
        {
            "region": REGION,
            "alerts": [{"name": "a", "to": {"bus_arns": [arn("events", "event-bus/b", "us-east-1")]}}],
        },
        {"account": "210987654321", "kms_key_arn": KEY},
        {"roles": {"permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess"}},
        {"stream": {"mode": "provisioned", "shards": 3}, **use_case(reserved_concurrency=3)},
        use_case(reserved_concurrency=1),
    ],
)
def test_what_can_be_deployed_is_accepted(plant):
    assert read_plants({"North": plant}, ["drift", "anomaly"])


@pytest.mark.parametrize(("kind", "good"), [(AccountId, ACCOUNT), (Region, REGION), (PolicyArn, BOUNDARY)])
def test_no_account_region_and_policy_may_end_in_a_line_break(kind, good):
    adapter = TypeAdapter(kind)
    assert adapter.validate_python(good) == good
    for bad in (f"{good}\n", f"\n{good}", f"{good}\x00", f"{good}\u2028"):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)
