"""What is printed obeys nobody: a name, a reason or evidence is text, whatever it holds."""

import ast
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from clients.console import Console
from clients.terminal import echo, printable, printable_lines
from tests.test_import_rule import MODULES

HOSTILE = (
    "\x1b[2J\x1b]0;title\x07", "\x9b31m", "\x7f", "\r", "\b", "\v", "\x00",  # control
    "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u061c",
    "\u2028", "\u2029", "\x85",  # they end lines
    "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\U000e0041",  # without a width
    "\ud800", "\udfff",
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_character_that_a_terminal_obeys_is_printed(hostile, capsys):
    text = f"pump{hostile}1 木 é °C"
    echo(f"{text}\nsecond", err=False)
    first, second, end = capsys.readouterr().out.split("\n")
    assert first.isprintable()
    assert (second, end) == ("second", "")
    assert json.loads(f'"{first}"') == text
    for shown in (text, Text(text, "red"), table_of(text)):
        out = io.StringIO()
        Console(file=out, width=200, highlight=False).print(shown)
        assert "pump" in out.getvalue()
        assert "木" in out.getvalue()
        assert out.getvalue().replace("\n", "").isprintable()


def table_of(text: str) -> Table:
    table = Table("name", text)
    table.add_row(text, "1")
    return table


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_printable_stays_and_all_else_is_escaped_reversibly(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert shown == text or not text.isprintable()
    if '"' not in text and "\\" not in text:
        read = json.loads(f'"{shown}"')
        assert read.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
    assert printable_lines(f"{text}\n") == "\n".join(map(printable, f"{text}\n".split("\n")))


def test_brackets_and_colons_in_a_name_are_no_markup():
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system="truecolor", highlight=False)
    for text in ("[red]pump[/red]", "[link=http://evil]pump[/link]", ":fire: pump", "[/] pump"):
        console.print(text)
        console.print(table_of(text))
        assert out.getvalue().count(text) == 3


def test_a_style_of_our_own_stays():
    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="standard").print("pump", style="red")
    assert "\x1b[31mpump" in out.getvalue()


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name.split(".")[0] in ("clients", "local", "ops", "producer_sim")]
)
def test_every_command_prints_through_the_terminal(name):
    """There is no other way to print, so that none can be forgotten."""
    if name in ("clients.terminal", "clients.console"):
        return
    tree = ast.parse(MODULES[name].read_text())
    printing = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)} & {
        "print",
        "typer.echo",
        "typer.secho",
        "click.echo",
        "sys.stdout.write",
        "sys.stderr.write",
    }
    assert not printing
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert "rich.console.Console" not in imported
    assert "rich.print" not in imported
