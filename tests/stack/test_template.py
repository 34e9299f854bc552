"""What is deployed: safe by default, and nothing in it that nobody asked for."""

from tests.stack.synthesis import template, the


def test_the_function_is_the_newest_runtime_on_arm_with_snap_start_traced_and_logs_json():
    function = the(template(), "AWS::Lambda::Function")
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
