"""`cdk synth` as a user runs it: no Docker, no account, no network, and the same again the second time."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.synthesis import of_type

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CDK = BIN / "cdk"
NO_NETWORK = [shutil.which("unshare") or "unshare", "--map-root-user", "--net"]

pytestmark = pytest.mark.skipif(
    not CDK.exists(), reason=f"the CDK's command line is not in {BIN}: `make test` installs it"
)


def checkout(folder: Path) -> Path:
    """A copy of what a user has, with the wheels that were fetched once."""
    folder.mkdir()
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, folder)
    for name in ("stack", "consumer"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "build" / "lambda", folder / "build" / "lambda", copy_function=link_or_copy)
    return folder


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # the temporary folder is on another disk
        shutil.copyfile(source, target)


def synth(folder: Path, *, network: bool = True) -> dict[str, dict]:
    """The templates, by file name."""
    # Nothing is on the path but what the set-up installs: no Docker, no other Node.js; and no account.
    environment = {"PATH": str(BIN), "HOME": str(folder.parent)}
    command = [*([] if network else NO_NETWORK), str(CDK), "synth", "--quiet"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: json.loads(path.read_text()) for path in folder.glob("cdk.out/*.template.json")}


def can_do_without_network() -> bool:
    """Whether this machine lets a process be cut off from the network."""
    try:
        return subprocess.run([*NO_NETWORK, "/bin/true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Path:
    """The checkout as it is, synthesised once."""
    from stack.bundling import bundle

    bundle()
    folder = checkout(tmp_path_factory.mktemp("first") / "checkout")
    synth(folder)
    return folder


def templates_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("cdk.out/*.template.json")}


def assets_of(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("cdk.out/asset.*")}


def test_another_checkout_elsewhere_without_docker_and_network_gives_the_same(shipped, tmp_path):
    other = checkout(tmp_path / "another-checkout")
    synth(other, network=not can_do_without_network())
    assert templates_of(other) == templates_of(shipped)
    assert assets_of(other) == assets_of(shipped)
    assert len(assets_of(other)) == 1


def test_every_security_rule_passes_or_was_acknowledged_with_a_reason(shipped):
    report = json.loads((shipped / "cdk.out" / "validation-report.json").read_text())
    [rules] = [plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions"]
    assert rules["conclusion"] == "success"
    assert not rules["violations"]
    for accepted in rules["suppressedViolations"]:
        assert len(accepted["reason"].split()) > 5, accepted


def test_a_finding_that_nobody_acknowledged_fails_the_synthesis(tmp_path):
    folder = checkout(tmp_path / "checkout")
    edit(folder / "stack" / "buckets.py", "enforce_ssl=True,", "")
    edit(folder / "stack" / "buckets.py", "minimum_tls_version=1.2,", "")
    with pytest.raises(AssertionError, match="AwsSolutions-S10"):
        synth(folder)


def test_a_mistake_in_the_settings_per_signal_is_refused_with_its_line(tmp_path):
    folder = checkout(tmp_path / "checkout")
    file = folder / "consumer" / "signals.yaml"
    wrong = "signals:\n  - match: pump\n    limits: { low: 3, high: 2 }\n"
    edit(file, "signals: []\n", wrong)
    line = file.read_text().splitlines().index("    limits: { low: 3, high: 2 }") + 1
    with pytest.raises(
        AssertionError, match=rf"signals.yaml, line {line}: .*low is 3.0, not below high, 2.0"
    ):
        synth(folder)


def functions_of(template):
    return {
        function["Properties"]["Environment"]["Variables"]["USE_CASE"]: function["Properties"]
        for function in of_type(template, "AWS::Lambda::Function").values()
    }


def test_a_second_use_case_leaves_the_first_ones_function_as_it_was(shipped, tmp_path):
    folder = checkout(tmp_path / "checkout")
    line = '    "drift": DriftUseCase(drift.ADWIN()),\n'
    edit(
        folder / "consumer" / "use_cases.py", line, f'{line}    "pages": DriftUseCase(drift.PageHinkley()),\n'
    )
    own = '"anomaly": { "batch_window_s": 10 }, "shift": { "batch_window_s": 10 }'
    edit(folder / "cdk.json", own, f'{own}, "pages": {{ "pages": 4 }}')
    [before] = (json.loads(text) for text in templates_of(shipped).values())
    [after] = synth(folder).values()
    for kind in (
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::S3::Bucket",
        "AWS::Kinesis::Stream",
    ):
        first, both = of_type(before, kind), of_type(after, kind)
        assert both.items() >= first.items()
    assert len(of_type(after, "AWS::Lambda::EventSourceMapping")) == 3
    first, functions = functions_of(before), functions_of(after)
    assert first.keys() == {"anomaly", "shift"}
    for name, function in first.items():
        assert functions[name]["Environment"] == function["Environment"]
        assert functions[name]["Role"] == function["Role"] != functions["pages"]["Role"]
    assert functions["pages"]["Environment"]["Variables"]["MODEL_PAGES"] == "4"
    roles = json.dumps(of_type(after, "AWS::IAM::Role"))
    assert {"/models/shift/*", "/models/pages/*"} <= set(re.findall(r"/models/[^\"]*", roles))


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:eu-west-1:123456789012:{resource}"


SECRET = {"secret_arn": arn("secretsmanager", "secret:token-AbCdEf")}
# All that `cdk.json` can ask for, in one plant.
EVERYTHING = {
    "stream": {"arn": arn("kinesis", "stream/telemetry"), "key_arn": arn("kms", "key/1234abcd")},
    "ingest": {"mqtt": [{"sql": "SELECT * FROM 'plants/+/opcua/+'", "partition_key": "${topic(4)}"}]},
    "use_cases": {"drift": {"enhanced_fan_out": True, "snap_start": False, "ephemeral_storage_mb": 1024}},
    "alerts": [
        {
            "name": "here",
            "to": {
                "emails": ["ops@example.com"],
                "topic_arns": [arn("sns", "on-call")],
                "queue_arns": [arn("sqs", "tickets")],
                "bus_arns": [arn("events", "event-bus/central")],
            },
        },
        {
            "name": "posted",
            "to": {
                "slack": [{"channel": "#alerts", **SECRET}],
                "teams": [{"url": "https://example.com/workflow?v=1", **SECRET}],
                "pagerduty": [SECRET],
                "webhooks": [{"url": "https://example.com/hook", **SECRET}],
            },
        },
    ],
    "removal": "destroy",
}


def test_two_plants_are_two_stacks_that_share_nothing_and_the_rules_pass_whatever_is_asked_for(
    shipped, tmp_path
):
    folder = checkout(tmp_path / "checkout")
    south = f'"South": {json.dumps(EVERYTHING)}, "KinesisRiver": {{'
    edit(folder / "cdk.json", '"KinesisRiver": {', south)
    templates = synth(folder)
    assert set(templates) == {"South.template.json", "KinesisRiver.template.json"}
    assert templates["KinesisRiver.template.json"] == json.loads(
        templates_of(shipped)["KinesisRiver.template.json"]
    )
    one, other = (names_of(template) for template in templates.values())
    assert one
    assert not one & other


def names_of(template: dict) -> set[str]:
    """Every name that the template itself gives, where it is the account's and not a resource's own."""
    names = set()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Alias":
            continue
        properties = resource.get("Properties", {})
        variables = properties.get("Environment", {}).get("Variables", {})
        names |= {
            str(value) for key, value in properties.items() if key.endswith("Name") and key != "MetricName"
        }
        names |= {variables["POWERTOOLS_METRICS_NAMESPACE"]} if variables else set()
    return {name for name in names if not name.startswith("{")}
