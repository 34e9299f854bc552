"""The functions run on the Python and the processor that `cdk.json` says, and so do their packages."""

import pytest

import stack.consumers
from stack import compiling
from stack.bundling import bundle
from stack.company.function_config import FunctionConfig
from tests.stack.synthesis import of_type, template


@pytest.fixture
def bundled(monkeypatch) -> list[tuple[str, str, bool]]:
    """Platform, Python and reader for which each asset is asked; the default asset is given instead."""
    asked = []

    def noted(platform: str, python: str, *, compiled_reader: bool):
        asked.append((platform, python, compiled_reader))
        return bundle()

    monkeypatch.setattr(stack.consumers, "bundle", noted)
    return asked


@pytest.mark.parametrize(
    ("function", "platform"),
    [
        ({"python": "3.13", "architecture": "x86_64"}, "x86_64-manylinux_2_28"),
        ({"python": "3.12"}, "aarch64-manylinux_2_28"),
        ({"architecture": "x86_64"}, "x86_64-manylinux_2_28"),
    ],
)
def test_runtime_processor_packages_and_reader_are_of_one_kind(bundled, function, platform):
    use_cases = {name: {"compiled_reader": True} for name in ("drift", "shift")}
    plant = template({"use_cases": use_cases, "function": function}, ("drift", "shift"))
    functions = [one["Properties"] for one in of_type(plant, "AWS::Lambda::Function").values()]
    python, architecture = function.get("python", "3.14"), function.get("architecture", "arm64")
    assert [one["Runtime"] for one in functions] == [f"python{python}"] * 2
    assert [one["Architectures"] for one in functions] == [[architecture]] * 2
    assert bundled == [(platform, python, True)] * 2


@pytest.mark.parametrize(
    ("architecture", "target"), [("arm64", "aarch64-linux-gnu.2.28"), ("x86_64", "x86_64-linux-gnu.2.28")]
)
def test_the_reader_is_compiled_for_the_processor(monkeypatch, architecture, target):
    monkeypatch.setattr(compiling, "_ziglang", lambda: "1.0")
    assert compiling.compiler(FunctionConfig(architecture=architecture).platform)[-2:] == ["-target", target]


def test_the_default_is_what_is_bundled_by_default():
    by_default = FunctionConfig()
    assert bundle(by_default.platform, by_default.python) == bundle()
