"""What is deployed runs: the asset, in Lambda's own runtime client, with the environment of the template.

It sees nothing of this environment's packages, so that what the asset lacks fails here, not in Lambda.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy
import pytest

from clients.local_pipeline import PipelineResources
from consumer.decode.signal_names import seed_of
from consumer.detectors.base import fingerprint
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import prefix_of
from consumer.settings import signals_yaml
from consumer.use_cases import USE_CASES
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.pipeline_resources import create_pipeline_resources, drain_alerts, drain_audit
from local.function.lambda_runtime import FunctionDied, FunctionRaised, FunctionTimedOut, LambdaRuntime
from stack import bundling, compiling
from stack.bundling import UNPACKED_BYTES_MAX, Asset, BundlingFailed, bundle, unpacked_bytes
from tests.consumer.world import plain_loop, points, record, step
from tests.stack.synthesis import template, the

MIB = 2**20
SITE_PACKAGES = Path(numpy.__file__).parents[1]
SIGNAL = "compressor1.pressure"
RECORDS = points(step(SIGNAL))
EVENT = {"Records": RECORDS}
ROW = {"signal": "pump1", "values": {"pressure": 1.0, "flow": 2.0}}
OF_AN_ASSET = {"Records": [record(10_000 + number, ROW, key="pump1") for number in range(9)]}
LINE = USE_CASES["drift"]
BY_UV = bundling._install

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Lambda's runtime client runs on Linux only")


def test_every_file_can_be_read_by_lambdas_user_whatever_the_umask_was(tmp_path):
    making = tmp_path / "making"
    before = os.umask(0o077)
    try:
        (making / "folder").mkdir(parents=True)
        (making / "folder" / "module.py").write_text("")
    finally:
        os.umask(before)
    bundling._make_readable(making)
    assert (making / "folder").stat().st_mode & 0o777 == 0o755
    assert (making / "folder" / "module.py").stat().st_mode & 0o777 == 0o644


# On this machine: the asset for its platform and its Python.


@pytest.fixture(scope="module")
def here() -> Asset:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    built = bundle(platform=f"{platform.machine()}-manylinux_2_28", python=python)
    return replace(built, folder=built.folder.resolve())


@pytest.fixture(scope="module")
def aws(tmp_path_factory) -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as running:
        yield running


@pytest.fixture(scope="module")
def resources(aws) -> PipelineResources:
    return create_pipeline_resources(aws, shards=1)


@pytest.fixture
def xray_daemon() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(10)
        yield daemon


@pytest.fixture
def environment(aws, resources, xray_daemon) -> dict[str, str]:
    """What the template gives the function, and what Lambda adds to a function so configured."""
    stack = template()
    function = the(stack, "AWS::Lambda::Function")
    created = {"AWS::S3::Bucket": resources.model_bucket, "AWS::Events::EventBus": resources.event_bus_name}
    variables = {
        name: created[stack["Resources"][value["Ref"]]["Type"]] if isinstance(value, dict) else value
        for name, value in function["Environment"]["Variables"].items()
    }
    assert function["SnapStart"]["ApplyOn"] == "PublishedVersions"
    assert function["TracingConfig"]["Mode"] == "Active"
    return (
        aws.environment()
        | variables
        | {
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
            "AWS_LAMBDA_LOG_FORMAT": function["LoggingConfig"]["LogFormat"],
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{xray_daemon.getsockname()[1]}",
        }
    )


def deployed(asset: Asset, environment: dict[str, str], log: Path) -> LambdaRuntime:
    function = the(template(), "AWS::Lambda::Function")
    return LambdaRuntime(
        asset.folder, environment, log, handler=function["Handler"], timeout_s=function["Timeout"]
    )


def shared_libraries(pid: int) -> set[Path]:
    """All that a process has loaded."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {Path(line.split(maxsplit=5)[5]) for line in lines if ".so" in line}


def versions_in(folder: Path) -> dict[str, str]:
    """Of what a fingerprint covers, and what calculates with it."""
    named = [entry.name.removesuffix(".dist-info").split("-") for entry in folder.glob("*.dist-info")]
    return {name: version for name, version in named if name in {"river", "numpy", "scipy"}}


def versions_of_objects(aws: EmbeddedAWS, bucket: str) -> set[tuple[str, str, str]]:
    listed = aws.client("s3").list_object_versions(Bucket=bucket)["Versions"]
    return {(version["Key"], version["VersionId"], version["ETag"]) for version in listed}


def learned_in(aws: EmbeddedAWS, bucket: str) -> dict[str, int]:
    """How much each signal's model has learned."""
    s3 = aws.client("s3")
    learned = {}
    for key in {key for key, _, _ in versions_of_objects(aws, bucket)}:
        if "/pages/" in key:
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            learned |= {name: state.learned for (_, name), state in PageCodec().decode(body).items()}
    return learned


@on_linux
def test_it_learns_and_alerts_as_a_plain_loop_does_and_a_redelivery_changes_nothing(
    here, environment, aws, resources, xray_daemon, tmp_path, record_property
):
    expected = plain_loop(RECORDS, lambda: LINE.create(seed_of("drift", SIGNAL)).detector)
    assert expected.ids
    with deployed(here, environment, tmp_path / "log") as function:
        first = function.invoke(EVENT)
        assert first.response == {"batchItemFailures": []}
        assert learned_in(aws, resources.model_bucket) == expected.learned == {SIGNAL: len(RECORDS)}
        assert [event["detail"]["id"] for event in drain_alerts(aws, resources)] == expected.ids
        assert len(drain_audit(aws, resources, empty_polls=1)) == len(expected.ids)
        assert '"name":"consume"' in xray_daemon.recv(2**16).decode().replace(" ", "")
        written = versions_of_objects(aws, resources.model_bucket)
        river = {"river": versions_in(here.folder)["river"]}
        prefix = prefix_of("drift", fingerprint(LINE, river))
        assert {key for key, _, _ in written} > {f"{prefix}/layout.json"}
        assert all(key.startswith(f"{prefix}/") for key, _, _ in written)

        warm = function.invoke(EVENT)
        assert warm.response == {"batchItemFailures": []}
        loaded = shared_libraries(function.pid)
    with deployed(here, environment, tmp_path / "log of another") as cold:
        assert cold.invoke(EVENT).response == {"batchItemFailures": []}
    assert versions_of_objects(aws, resources.model_bucket) == written
    assert drain_audit(aws, resources, empty_polls=1) == []

    packages = {path.relative_to(here.folder).parts[0] for path in loaded if here.folder in path.parents}
    assert packages >= {"river", "numpy", "msgspec", "obstore"}
    from_here = {path.name.split(".")[0] for path in loaded if SITE_PACKAGES in path.parents}
    assert from_here <= {"runtime_client", "_speedups"}, "only the runtime client and its simplejson"
    for line in (tmp_path / "log").read_text().splitlines():
        json.loads(line)
    record_property(
        "summary",
        f"Lambda's runtime client, Python {platform.python_version()}: init {function.init_s:.2f} s, "
        f"first invocation {first.duration_s * 1000:.0f} ms for {len(RECORDS)} records, asset "
        f"{unpacked_bytes(here.folder) / MIB:.0f} MiB unpacked",
    )


PROBE = """
from consumer.handler import handler

def probe(event, context):
    records = type(event.get("Records")).__name__
    return {"records": records, "failures": handler(event, context)["batchItemFailures"]}
"""


@on_linux
def test_lambdas_client_gives_batches_read_by_their_types_and_what_is_unusual_as_ever(
    here, environment, aws, tmp_path
):
    folder, bucket = tmp_path / "asset", "read-by-types"
    folder.mkdir()
    for path in here.folder.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "probe.py").write_text(PROBE)
    aws.client("s3").create_bucket(Bucket=bucket)
    typed, dicts = ({"records": kind, "failures": []} for kind in ("TypedRecords", "list"))
    usual = [record(1, b"1.5", key="one"), record(2, b"{"), record(3, b"2.5", key="one")]
    of_two_shards = [record(number, b"1.5", key="two", shard=f"s-{number % 2}") for number in range(4)]
    with_invalid = [record(number, b"1.5", key="three") for number in range(10, 13)]
    with_invalid[1]["kinesis"]["data"] = "NDI"
    with LambdaRuntime(
        folder, environment | {"MODEL_BUCKET": bucket}, tmp_path / "log", handler="probe.probe"
    ) as function:
        assert function.invoke({"Records": usual}).response == typed
        assert function.invoke({"Records": of_two_shards}).response == dicts
        assert function.invoke({"Records": with_invalid}).response == dicts
        assert function.invoke({"visit": True}).response == {"records": "NoneType", "failures": []}
        with pytest.raises(FunctionRaised, match="no list of Records"):
            function.invoke({"records": []})
        assert function.invoke({"Records": usual}).response == typed
    assert learned_in(aws, bucket) == {"one": 2, "two": 4, "three": 2}


@on_linux
@pytest.mark.parametrize("use_case", sorted(USE_CASES))
def test_every_registered_use_case_starts_and_learns(here, environment, aws, resources, use_case, tmp_path):
    """What its models import and pickle is in the asset."""
    with deployed(here, environment | {"USE_CASE": use_case}, tmp_path / "function.log") as function:
        assert function.invoke(EVENT).response == {"batchItemFailures": []}
        assert function.invoke(OF_AN_ASSET).response == {"batchItemFailures": []}
    prefix = f"models/{use_case}/"
    stored = aws.client("s3").list_objects_v2(Bucket=resources.model_bucket, Prefix=prefix)["Contents"]
    assert any("/pages/" in one["Key"] for one in stored)


@on_linux
def test_without_a_bucket_it_does_not_start_and_says_what_is_missing(here, environment, tmp_path):
    del environment["MODEL_BUCKET"]
    with (
        pytest.raises(FunctionRaised, match="MODEL_BUCKET") as raised,
        deployed(here, environment, tmp_path / "log"),
    ):
        pass
    assert raised.value.error_type == "ConfigurationError"


@on_linux
def test_all_of_river_can_be_imported_from_it_alone(here):
    """Whatever line somebody writes into use_cases.py, and whatever was left out of the packages."""
    probe = (
        "import importlib, pkgutil, sys, river, numpy, scipy, boto3\n"
        "for module in pkgutil.iter_modules(river.__path__):\n"
        "    importlib.import_module(f'river.{module.name}')\n"
        "for module in [*sys.modules.values()]:\n"
        "    print(getattr(module, '__file__', None) or '')"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-B", "-c", probe],
        cwd=here.folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    files = [Path(line) for line in ran.stdout.split("\n") if line]
    assert not [path for path in files if SITE_PACKAGES in path.parents]
    for package in ("river", "numpy", "scipy", "boto3"):
        assert here.folder / package / "__init__.py" in files


@on_linux
def test_what_the_handler_imports_is_compiled_and_never_compiled_again(here):
    ran = subprocess.run(
        [sys.executable, "-S", "-B", "-v", "-c", "import consumer.handler"],
        cwd=here.folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    code = [
        line.rpartition(" ")[2].strip("'") for line in ran.stderr.splitlines() if "code object from" in line
    ]
    from_asset = [Path(path) for path in code if Path(path).is_relative_to(here.folder)]
    assert len(from_asset) > 500
    assert {path.suffix for path in from_asset} == {".pyc"}


@on_linux
def test_lambdas_runtime_client_runs_what_is_compiled_and_does_not_look_at_its_source(tmp_path):
    folder = tmp_path / "asset"
    folder.mkdir()
    source = folder / "function.py"
    source.write_text(FUNCTION)
    compiler = bundling._compiler(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert compiler is not None
    bundling._compile(compiler, folder, ["function.py"])
    source.write_text("raise ImportError('compiled again')\n")
    with runtime(folder) as function:
        assert function.invoke({}).response["event"] == {}


@on_linux
def test_a_model_that_uses_scipy_finds_it_in_the_asset(here):
    probe = (
        "import consumer.handler, sys\n"
        "from consumer.detectors.drift import DriftUseCase\n"
        "from river import drift\n"
        "use_case = DriftUseCase(drift.KSWIN(window_size=60, stat_size=20))\n"
        "found = use_case.learn(use_case.create(1), [0.0, 1.0] * 100 + [5.0, 6.0] * 100)\n"
        "print(len(found), sys.modules['scipy.stats'].__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-B", "-c", probe],
        cwd=here.folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found, file = ran.stdout.split()
    assert int(found) > 0
    assert Path(file) == here.folder / "scipy" / "stats" / "__init__.py"


# For Lambda.


@pytest.fixture(scope="module")
def asset() -> Asset:
    return bundle()


def files_of(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]


def test_it_is_smaller_than_lambda_allows(asset, record_property):
    size = unpacked_bytes(asset.folder)
    assert size < UNPACKED_BYTES_MAX
    record_property(
        "summary", f"The asset for Lambda: {size / MIB:.0f} MiB unpacked, of {UNPACKED_BYTES_MAX // MIB}"
    )


def test_whatever_is_compiled_is_for_lambdas_processor_and_python(asset):
    compiled = {}
    for path in files_of(asset.folder):
        with (asset.folder / path).open("rb") as file:
            header = file.read(20)
        if header.startswith(b"\x7fELF"):
            compiled[path] = int.from_bytes(header[18:20], "little")
    assert {path for path in files_of(asset.folder) if ".so" in path.suffixes} == set(compiled)
    assert set(compiled.values()) == {183}, "EM_AARCH64"
    extensions = [path.name for path in compiled if not path.parts[0].endswith(".libs")]
    assert len(extensions) > 50
    for name in extensions:
        assert name.endswith((".cpython-314-aarch64-linux-gnu.so", ".abi3.so")), name


def test_it_has_what_runs_and_nothing_that_is_for_developers(asset):
    files = files_of(asset.folder)
    folders = {part for path in files for part in path.parent.parts}
    assert not folders & {"tests", "include", "bin"}
    assert not {path.suffix for path in files} & {".h", ".c", ".pyi", ".pyx", ".pxd", ".a"}
    compiled = [path for path in files if path.suffix == ".pyc" or path.parent.name == "__pycache__"]
    assert bool(compiled) == asset.is_compiled
    for path in compiled:
        name, tag, _ = path.name.rsplit(".", 2)
        assert (path.parent.name, tag) == ("__pycache__", "cpython-314")
        assert path.parents[1] / f"{name}.py" in files
    consumer = {path.relative_to("consumer") for path in files if path.parts[0] == "consumer"}
    assert {"handler.py", "use_cases.py", "learning/page_learner.py", "pages/store.py"} <= set(
        map(Path.as_posix, consumer)
    )
    assert not {path.name for path in consumer} & {"requirements.txt", "requirements.lock"}
    assert not {path.parts[0] for path in files} & {"ops", "clients", "local", "producer_sim", "stack"}


def test_it_tells_the_versions_that_a_fingerprint_covers_and_they_are_those_installed_here(asset):
    inside = versions_in(asset.folder)
    assert inside == {name: metadata.version(name) for name in ("river", "numpy", "scipy")}
    assert versions() == {"river": inside["river"]}


# What its hash covers. Nothing is installed here.


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A copy of all that goes in, of which the packages are a few small files."""
    shutil.copytree(
        bundling.ROOT / "consumer", tmp_path / "consumer", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "consumer" / "__pycache__").mkdir()
    (tmp_path / "consumer" / "__pycache__" / "handler.cpython-311.pyc").write_text("")
    monkeypatch.setattr(bundling, "ROOT", tmp_path)
    monkeypatch.setattr(bundling, "_CONSUMER", tmp_path / "consumer")
    monkeypatch.setattr(bundling, "_LOCK", tmp_path / "consumer" / "requirements.lock")
    monkeypatch.setattr(bundling, "_BUILD", tmp_path / "build")
    monkeypatch.setattr(bundling, "_install", install)
    return tmp_path


def install(target: Path, platform: str, python: str) -> None:
    for name in (
        "package/module.py",
        "package/module.pyi",
        "package/tests/test_module.py",
        "package/include/package.h",
        "package/data/values.csv",
        "package-1.0.dist-info/METADATA",
        "river/datasets/base.py",
        "river/datasets/values.csv",
        "bin/command",
    ):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(f"{platform} {python}")


def never(*arguments: object) -> None:
    raise AssertionError("it was to be there already")


def test_the_same_sources_give_the_same_asset_which_is_built_once(checkout, monkeypatch):
    first = bundle()
    monkeypatch.setattr(bundling, "_install", never)
    assert bundle() == first
    shutil.rmtree(first.folder)
    os.utime(checkout / "consumer" / "handler.py", (0, 0))
    assert bundle() == first
    assert first.folder.is_dir()


def test_it_has_the_sources_and_the_packages_without_what_only_developers_need(checkout):
    names = {path.as_posix() for path in files_of(bundle().folder)}
    assert {name for name in names if not name.startswith("consumer/")} == {
        "package/module.py",
        "package/data/values.csv",
        "package-1.0.dist-info/METADATA",
        "river/datasets/base.py",
    }
    sources = {path.as_posix() for path in files_of(checkout) if path.parts[0] == "consumer"}
    modules = {name for name in sources if name.endswith(".py")}
    assert names & sources == modules | {"consumer/signals.yaml"}


HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def compiled_in(folder: Path) -> dict[Path, bytes]:
    return {path: (folder / path).read_bytes() for path in files_of(folder) if path.suffix == ".pyc"}


def test_what_is_compiled_is_the_same_in_every_build_and_needs_no_source(checkout, monkeypatch, tmp_path):
    first = bundle(python=HERE)
    assert first.is_compiled
    compiled = compiled_in(first.folder)
    sources = {
        path for path in files_of(first.folder) if path.suffix == ".py" and path.parts[0] == "consumer"
    }
    assert {path.parents[1] / f"{path.name.split('.')[0]}.py" for path in compiled} == sources
    assert {int.from_bytes(code[4:8], "little") for code in compiled.values()} == {1}, "unchecked hashes"
    assert not [path for path, code in compiled.items() if str(tmp_path).encode() in code]
    monkeypatch.setattr(bundling, "_BUILD", tmp_path / "elsewhere" / "build")
    second = bundle(python=HERE)
    assert second.hash == first.hash
    assert second.folder != first.folder
    assert compiled_in(second.folder) == compiled


def test_where_there_is_no_such_python_the_asset_is_another_without_compiled_modules(checkout, monkeypatch):
    compiled = bundle(python=HERE)
    monkeypatch.setattr(bundling, "_compiler", lambda python: None)
    plain = bundle(python=HERE)
    assert not plain.is_compiled
    assert plain.hash != compiled.hash
    assert compiled_in(plain.folder) == {}
    with_source = [path for path in files_of(compiled.folder) if path.suffix != ".pyc"]
    assert sorted(with_source) == sorted(files_of(plain.folder))


def built_by_hand(monkeypatch, version: str = "1.0") -> None:
    def build(target: Path, platform: str, source: Path) -> None:
        target.write_text(f"{platform} {source.name}")

    monkeypatch.setattr(compiling, "build", build)
    monkeypatch.setattr(compiling, "_ziglang", lambda: version)


READER = Path("consumer", "decode", "plain", compiling.NAME)


def test_it_has_the_compiled_reader_for_its_platform_if_that_is_asked_for(checkout, monkeypatch):
    built_by_hand(monkeypatch)
    (checkout / READER).write_text("one for this machine")
    without, having = bundle(), bundle(compiled_reader=True)
    assert not (without.folder / READER).exists(), "one that a benchmark left is not for Lambda"
    assert (having.folder / READER).read_text() == "aarch64-manylinux_2_28 compiled_reader.c"
    assert {*files_of(having.folder)} == {*files_of(without.folder), READER}
    assert without.no_reader == having.no_reader == ""
    assert bundle(compiled_reader=True) == having


def test_another_source_or_compiler_of_the_reader_gives_another_asset(checkout, monkeypatch):
    built_by_hand(monkeypatch)
    assets = [bundle(), bundle(compiled_reader=True)]
    with (checkout / READER).with_name("compiled_reader.c").open("a") as source:
        source.write("\n")
    assets += [bundle(), bundle(compiled_reader=True)]
    built_by_hand(monkeypatch, "2.0")
    assets += [bundle(), bundle(compiled_reader=True)]
    assert len({asset.hash for asset in assets[1::2]}) == 3
    assert {asset.hash for asset in assets[::2]} == {assets[0].hash}, "without it, nothing changes"


def test_where_no_reader_can_be_built_the_asset_says_so_and_is_that_without_one(checkout, monkeypatch):
    monkeypatch.setattr(compiling, "_ziglang", lambda: None)
    asset = bundle(compiled_reader=True)
    assert asset.no_reader.startswith("Without the compiled reader: ziglang is not installed: ")
    assert asset.no_reader.endswith("-m pip install -r stack/requirements.txt")
    assert replace(asset, no_reader="") == bundle()


def test_a_python_that_is_not_on_this_machine_is_not_fetched():
    assert bundling._compiler("3.99") is None


def flip_a_byte(checkout: Path) -> None:
    source = checkout / "consumer" / "use_cases.py"
    source.write_bytes(source.read_bytes() + b"\n")


def add_a_source(checkout: Path) -> None:
    (checkout / "consumer" / "decode" / "new.py").write_bytes(b"")


def rename_a_source(checkout: Path) -> None:
    (checkout / "consumer" / "decode" / "values.py").rename(checkout / "consumer" / "decode" / "values_2.py")


@pytest.mark.parametrize("change", [flip_a_byte, add_a_source, rename_a_source])
def test_any_change_of_a_source_gives_another_asset_of_the_same_packages(checkout, monkeypatch, change):
    before = bundle()
    monkeypatch.setattr(bundling, "_install", never)
    change(checkout)
    after = bundle()
    assert after.hash != before.hash
    for path in files_of(checkout / "consumer"):
        if path.suffix == ".py":
            shipped = after.folder / "consumer" / path
            assert shipped.read_bytes() == (checkout / "consumer" / path).read_bytes()


def test_the_events_of_calendars_are_in_the_settings_and_others_give_another_asset(checkout, monkeypatch):
    monkeypatch.setattr(signals_yaml, "spans_in", lambda text, zone: [(float(text), 2e9)])
    text, of_plant = "version: 1\ncalendars:\n  - {file: h.ics}\n", checkout / "consumer"
    (of_plant / "signals.yaml").write_text(text)
    (of_plant / "h.ics").write_text("0")
    before = bundle()
    (of_plant / "h.ics").write_text("1")
    after = bundle()
    assert after.hash != before.hash
    for asset, from_s in ((before, 0.0), (after, 1.0)):
        settings = json.loads((asset.folder / "consumer" / "signals.yaml").read_bytes())
        assert settings["calendars"][0]["spans"] == [[from_s, 2e9]]
        assert not list(asset.folder.rglob("*.ics"))


def test_a_calendar_that_could_not_be_read_once_is_read_when_it_can_be(checkout, monkeypatch):
    """As when its library is installed meanwhile: the asset from before is of no use."""
    (checkout / "consumer" / "signals.yaml").write_text("version: 1\ncalendars:\n  - {file: h.ics}\n")
    (checkout / "consumer" / "h.ics").write_text("")
    without = bundle()
    monkeypatch.setattr(signals_yaml, "spans_in", lambda text, zone: [(1.0, 2.0)])
    assert bundle().hash != without.hash


def test_another_lock_platform_or_python_gives_another_asset_of_other_packages(checkout):
    assets = [bundle(), bundle(platform="x86_64-manylinux_2_28"), bundle(python="3.13")]
    with (checkout / "consumer" / "requirements.lock").open("a") as lock:
        lock.write("#\n")
    assets.append(bundle())
    assert len({asset.hash for asset in assets}) == 4
    modules = [(asset.folder / "package" / "module.py").read_text() for asset in assets]
    assert modules == [
        "aarch64-manylinux_2_28 3.14",
        "x86_64-manylinux_2_28 3.14",
        "aarch64-manylinux_2_28 3.13",
        "aarch64-manylinux_2_28 3.14",
    ]


def test_what_only_operators_and_builders_need_does_not_change_it(checkout):
    before = bundle()
    (checkout / "ops").mkdir()
    (checkout / "ops" / "new.py").write_text("")
    (checkout / "consumer" / "requirements.txt").write_text("")
    (checkout / "consumer" / "decode" / "__pycache__").mkdir()
    (checkout / "consumer" / "decode" / "__pycache__" / "kpl.cpython-311.pyc").write_text("")
    assert bundle() == before


def test_an_installation_that_fails_leaves_nothing_half_made(checkout, monkeypatch):
    def breaks_off(target: Path, platform: str, python: str) -> None:
        install(target, platform, python)
        raise BundlingFailed("no network")

    with monkeypatch.context() as broken:
        broken.setattr(bundling, "_install", breaks_off)
        with pytest.raises(BundlingFailed):
            bundle()
    assert list((checkout / "build").iterdir()) == []
    assert (bundle().folder / "package" / "module.py").is_file()


def test_a_lock_that_cannot_be_installed_says_so_and_what_to_do(checkout, monkeypatch):
    monkeypatch.setattr(bundling, "_install", BY_UV)
    (checkout / "consumer" / "requirements.lock").write_text("river==0.26.1\n")  # it has no hash
    with pytest.raises(BundlingFailed, match=r"consumer/requirements\.lock for .*(?s:.*)`make lock`"):
        bundle()


# What runs it says what went wrong.

FUNCTION = """
import os, sys, time

print("initialised in", os.getcwd())
if "DIES" in os.environ:
    os._exit(5)
time.sleep(float(os.environ.get("HANGS", "0")))

def handler(event, context):
    if "raise" in event:
        raise KeyError(event["raise"])
    if "exit" in event:
        print("its last words")
        os._exit(event["exit"])
    time.sleep(event.get("sleep", 0))
    return {
        "event": event,
        "left_ms": context.get_remaining_time_in_millis(),
        "memory": context.memory_limit_in_mb,
        "request": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "path": sys.path,
    }
"""


@pytest.fixture
def function_folder(tmp_path) -> Path:
    folder = tmp_path / "asset"
    folder.mkdir()
    (folder / "function.py").write_text(FUNCTION)
    return folder


def runtime(folder: Path, environment: dict[str, str] | None = None, **settings: float) -> LambdaRuntime:
    log = folder.parent / "log"
    return LambdaRuntime(folder, environment or {}, log, handler="function.handler", **settings)


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@on_linux
def test_the_handler_is_given_the_event_and_lambdas_context(function_folder):
    event = {"signal": "pump 7/°C", "values": [0.5] * 200_000}
    with runtime(function_folder, timeout_s=20) as function:
        first, second = function.invoke(event), function.invoke({})
        assert first.response["event"] == event
        assert 0 < first.response["left_ms"] <= 20_000
        assert first.response["memory"] == "512"
        assert first.response["arn"].startswith("arn:aws:lambda:")
        assert first.response["request"] != second.response["request"]
        assert first.response["path"][0] == str(function_folder)
        assert not [entry for entry in first.response["path"] if "site-packages" in entry]
        assert first.duration_s > 0 < function.init_s
        assert runs(function.pid)
    assert not runs(function.pid)
    assert [path.name for path in function_folder.iterdir()] == ["function.py"]


@on_linux
def test_what_the_handler_raises_is_told_and_the_next_invocation_runs(function_folder):
    with runtime(function_folder) as function:
        with pytest.raises(FunctionRaised, match="its invocation raised KeyError: 'no such pump'") as raised:
            function.invoke({"raise": "no such pump"})
        assert raised.value.error_type == "KeyError"
        assert function.invoke({}).response["event"] == {}


@on_linux
def test_a_process_that_dies_is_told_with_its_last_words(function_folder):
    with runtime(function_folder) as function:
        with pytest.raises(FunctionDied, match=r"ended with status 3(?s:.*)its last words"):
            function.invoke({"exit": 3})
        with pytest.raises(FunctionDied, match="status 3"):
            function.invoke({})
    with (
        pytest.raises(FunctionDied, match=r"its initialisation .* status 5(?s:.*)initialised in"),
        runtime(function_folder, {"DIES": "1"}),
    ):
        pass


@on_linux
def test_an_invocation_or_initialisation_that_takes_too_long_is_ended(function_folder):
    with runtime(function_folder, timeout_s=0.5) as function:
        started_s = time.monotonic()
        with pytest.raises(FunctionTimedOut, match="its invocation took too long"):
            function.invoke({"sleep": 60})
        assert 0.5 <= time.monotonic() - started_s < 10
        assert not runs(function.pid)
    with (
        pytest.raises(FunctionTimedOut, match="its initialisation took too long"),
        runtime(function_folder, {"HANGS": "60"}, init_s_max=0.5),
    ):
        pass
