"""README and CONTRIBUTING are true: their commands, variables and files exist, they name all there are."""

import json
import re
from pathlib import Path

import msgspec
from river import drift

from consumer.detectors.drift import DriftUseCase
from consumer.pages.codec import PageCodec
from consumer.settings.environment import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The others are for developers.
FOR_USERS = {"demo", "load", "test", "synth", "template", "deploy"}


def targets_in(text: str) -> set[str]:
    return set(re.findall(r"(?:^|`)make ([a-z-]+)(?=[ `\n])", text, flags=re.MULTILINE))


def test_readme_and_contributing_name_every_make_target_and_no_other():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE))
    in_readme, in_contributing = targets_in(README), targets_in(CONTRIBUTING)
    assert targets == in_readme | in_contributing
    assert in_readme >= FOR_USERS
    assert in_contributing >= targets - FOR_USERS
    assert targets <= set(re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[1].split())


def test_contributing_has_a_row_for_each_target_for_developers():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE))
    rows = re.findall(r"^\| `make ([a-z-]+)` \|", CONTRIBUTING, flags=re.MULTILINE)
    assert sorted(rows) == sorted(targets - FOR_USERS - {"help"} | {"test"})


def test_the_cdks_command_line_is_of_one_version():
    [pinned] = re.findall(r"^CDK_CLI := (\S+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = {version for text in DOCUMENTS for version in re.findall(r"aws-cdk@[\d.]+\d", text.read_text())}
    assert named == {pinned}


def test_the_documents_name_every_environment_variable_and_no_other():
    variables = {field.encode_name for field in msgspec.structs.fields(Settings)}
    operations = (ROOT / "docs" / "operations.md").read_text()
    table = operations.partition("## The function's environment variables")[2].partition("##")[0]
    assert variables == set(re.findall(r"`([A-Z0-9_]{4,})`", table))


def test_the_modules_that_they_run_exist():
    for module in re.findall(r"python -m ([\w.]+)", README + CONTRIBUTING):
        if module not in {"venv", "pytest"}:
            path = ROOT / module.replace(".", "/")
            assert (path / "__main__.py").is_file() or path.with_suffix(".py").is_file(), module


def test_every_link_to_a_file_leads_somewhere():
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#:]+)[)#]", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_layout_is_the_one_on_disk():
    layout = README.partition("## The layout")[2]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"tests", "docs"}
    assert packages == {name.strip("/") for name in re.findall(r"^(\w+/)", layout, flags=re.MULTILINE)}
    for name in re.findall(r"^(\w+/)", layout, flags=re.MULTILINE):
        assert (ROOT / name).is_dir(), name
    for name in re.findall(r"^  (\w+\.py|\w+/)", layout, flags=re.MULTILINE):
        assert (ROOT / "consumer" / name).exists(), name


def test_the_lines_that_it_changes_are_lines_of_use_cases():
    lines = re.findall(r"^[-+] (.*\(\)\),)$", README, flags=re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        names = {"drift": drift, "DriftUseCase": DriftUseCase}
        (use_case,) = eval(f"{{{line}}}", names).values()
        PageCodec().check(use_case)


def test_it_is_at_most_150_lines():
    assert len(README.splitlines()) <= 150


def test_the_test_command_is_the_one_that_ci_runs():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make check" in (ROOT / ".ci" / "run").read_text()


def test_every_test_that_the_documents_name_exists():
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for document in DOCUMENTS:
        for name in re.findall(r"`(test_\w+)`", document.read_text()):
            assert f"def {name}(" in tests, f"{document.name}: {name}"


def test_the_event_that_it_shows_has_the_fields_of_events_in_their_order():
    [shown] = re.findall(r"```json\n(.*?)```", README, flags=re.DOTALL)
    event = json.loads(shown)
    table = (ROOT / "docs" / "alerts.md").read_text().partition("## The fields of an event")[2]
    fields = re.findall(r"^\| `(\w+)` \|", table.partition("\n## ")[0], flags=re.MULTILINE)
    assert list(event) == [field for field in fields if field in event]
    assert event["headline"] in README.partition("```json")[0]
