"""The compiled reader is built where there is a compiler; where there is none, what to do is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack import compiling
from stack.compiling import NAME, NotBuilt, build, compiler

ROOT = Path(__file__).parents[2]
LAMBDA = "aarch64-manylinux_2_28"


def test_for_another_platform_ziglang_compiles_with_that_platforms_c_library(monkeypatch):
    monkeypatch.setattr(compiling, "_ziglang", lambda: "1.0")
    assert compiler(LAMBDA) == [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.28"]
    with pytest.raises(NotBuilt, match="riscv is no platform such as"):
        compiler("riscv")


def test_for_this_machine_any_compiler_does(monkeypatch):
    monkeypatch.setattr(compiling, "_ziglang", lambda: "1.0")
    monkeypatch.setattr(compiling.shutil, "which", {"clang": "/usr/bin/clang"}.get)
    assert compiler()[0] == "/usr/bin/clang"
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    assert compiler() == [sys.executable, "-m", "ziglang", "cc"]


@pytest.mark.parametrize("platform", [None, LAMBDA])
def test_without_a_compiler_it_says_what_to_install(monkeypatch, platform):
    monkeypatch.setattr(compiling, "_ziglang", lambda: None)
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    with pytest.raises(
        NotBuilt, match=r"ziglang is not installed: .* -m pip install -r stack/requirements.txt"
    ):
        compiler(platform)
    assert (ROOT / "stack" / "requirements.txt").is_file()


def test_without_pythons_headers_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(compiling.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(NotBuilt, match=r"Python\.h: install Python's headers"):
        build(tmp_path / NAME)


def test_a_source_that_does_not_compile_is_said_as_the_compiler_says_it(tmp_path):
    source = tmp_path / "wrong.c"
    source.write_text("int number = ;")
    try:
        compiler()
    except NotBuilt as reason:
        pytest.skip(str(reason))
    with pytest.raises(NotBuilt, match=r"wrong\.c.* failed:\n"):
        build(tmp_path / NAME, source=source)
    assert list(tmp_path.iterdir()) == [source]


@pytest.fixture
def beside(monkeypatch, tmp_path) -> Path:
    source = tmp_path / "consumer" / "decode" / "plain" / "compiled_reader.c"
    source.parent.mkdir(parents=True)
    source.write_bytes(compiling.SOURCE.read_bytes())
    monkeypatch.setattr(compiling, "SOURCE", source)
    return source.with_name(NAME)


def test_the_command_builds_it_beside_its_source_and_says_so(beside, capsys):
    compiling.main()
    said = capsys.readouterr().out
    if said.startswith("Without"):
        pytest.skip(said)
    assert said == f"Built the compiled reader, consumer/decode/plain/{NAME}\n"
    assert beside.is_file()


def test_where_it_cannot_be_built_none_of_an_earlier_source_stays(beside, monkeypatch, capsys):
    beside.write_text("of an earlier source")
    monkeypatch.setattr(compiling, "_ziglang", lambda: None)
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    compiling.main()
    assert capsys.readouterr().out.startswith(
        "Without the compiled reader: there is no C compiler on this machine"
    )
    assert not beside.exists()


def test_it_is_never_committed():
    ran = subprocess.run(
        ["git", "check-ignore", f"consumer/decode/plain/{NAME}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode == 128:
        pytest.skip("no checkout of git")
    assert ran.stdout.strip() == f"consumer/decode/plain/{NAME}"


def test_one_that_is_for_another_machine_is_as_good_as_none(tmp_path):
    """As on a laptop that has unpacked what is deployed."""
    code = f"""
import importlib.machinery, sys
class Wrong:
    def find_spec(self, name, path=None, target=None):
        if name == "consumer.decode.plain.compiled_reader":
            loader = importlib.machinery.ExtensionFileLoader(name, {str(tmp_path / NAME)!r})
            return importlib.machinery.ModuleSpec(name, loader, origin={str(tmp_path / NAME)!r})
sys.meta_path.insert(0, Wrong())
from consumer.decode import plain
assert plain._compiled is None
"""
    (tmp_path / NAME).write_bytes(b"\x7fELF of another machine")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
