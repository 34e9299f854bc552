"""`python -m producer_sim.plan.document`: write what `plan` prints now into docs/costs.md.

It replaces the examples, the dollars in the table of plants, and what lies between `<!-- planned: NAME -->`
and `<!-- end -->`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from clients.terminal import echo
from producer_sim.plan.advice import number
from producer_sim.plan.assumptions import Model, read_assumptions

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "costs.md"
COMMAND = "python -m producer_sim plan"
_EXAMPLE = re.compile(rf"(```console\n\$ {COMMAND} ([^\n]+)\n)(.*?)(```)", re.DOTALL)
_ROW = re.compile(r"^\| `(--signals .+?)` \| (.+?) \| [\d,]+ \|$", re.MULTILINE)
_MARKED = re.compile(r"(<!-- planned: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_LEFT_OUT = "...\n"
_SINGLE, _COLUMNS = "pages, single values", "pages, columns"
_SHIPPED = "--use-case anomaly --use-case shift"

Printed = Callable[[str], str]
"""What `plan` prints with these options."""


def documented(text: str, printed: Printed) -> str:
    """The document with what `plan` says now. Raises: `ValueError` for a piece that it no longer prints."""
    texts: dict[str, Callable[[], str]] = {
        "in short": lambda: _in_short(printed),
        "shipped": lambda: _shipped(printed),
        "models": _table_of_models,
    }
    text = _EXAMPLE.sub(lambda found: found[1] + _example(found[3], printed(found[2])) + found[4], text)
    text = _ROW.sub(
        lambda found: f"| `{found[1]}` | {found[2]} | {_dollars(printed, found[1], found[2]):,.0f} |", text
    )
    return _MARKED.sub(lambda found: f"{found[1]}{texts[found[2]]()}\n{found[3]}", text)


def _example(shown: str, output: str) -> str:
    """The same pieces of the output as were shown before, with `...` for what is between or after them."""
    lines = [line.rstrip() for line in output.splitlines()]
    pieces = re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)
    return _LEFT_OUT.join(_piece(piece.splitlines(), lines) for piece in pieces)


def _piece(shown: Sequence[str], lines: Sequence[str]) -> str:
    """From the line that begins with the same two words as the first, to that of the last."""
    if not shown:
        return ""
    begins, ends = shown[0].split()[:2], shown[-1].split()[:2]
    begun = False
    piece = []
    for line in lines:
        begun = begun or line.split()[:2] == begins
        if begun:
            piece.append(f"{line}\n")
            if line.split()[:2] == ends:
                return "".join(piece)
    raise ValueError(f"`plan` does not print from {shown[0]!r} to {shown[-1]!r}")


def _plan(printed: Printed, options: str, way: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(f"{options} --json"))["plans"][way]
    return found


def _dollars(printed: Printed, options: str, way: str) -> float:
    """Dollars a month."""
    dollars: float = _plan(printed, options, way)["dollars_a_month"]
    return dollars


def _in_short(printed: Printed) -> str:
    """Of the use cases that are shipped."""
    idle = _plan(printed, f"--signals 0 --stream on-demand {_SHIPPED}", _SINGLE)
    [stream] = [
        line["value"]
        for line in idle["lines"]
        if (line["section"], line["name"]) == ("Dollars a month", "Kinesis, stream hours")
    ]
    on_demand = _plan(printed, f"--signals 1000 --stream on-demand {_SHIPPED}", _SINGLE)
    kinesis = sum(line["value"] for line in on_demand["lines"] if _is_kinesis(line))
    all_idle, all_on_demand = idle["dollars_a_month"], on_demand["dollars_a_month"]
    single, columns = (_dollars(printed, f"--signals 1000 {_SHIPPED}", way) for way in (_SINGLE, _COLUMNS))
    return f"""\
In short, for the two use cases that `cdk.json` has: ${all_idle:.0f} where nothing is sent, of which the
on-demand stream is ${stream:.0f}. With 1,000 signals at 1 Hz it is ${all_on_demand:.0f}, of which
{kinesis / all_on_demand:.0%} is Kinesis. The cheapest there is a provisioned stream,
of two shards, ${single:.0f}, and on it records that hold ten values, ${columns:.0f}."""


def _is_kinesis(line: dict[str, Any]) -> bool:
    """Of the bill, a line of the stream's own."""
    return line["section"] == "Dollars a month" and str(line["name"]).startswith("Kinesis, ")


def _shipped(printed: Printed) -> str:
    """Of one use case alone, for comparison."""
    drift = "--signals 1000 --use-case drift"
    on_demand = _dollars(printed, f"{drift} --stream on-demand", _SINGLE)
    single, columns = (_dollars(printed, drift, way) for way in (_SINGLE, _COLUMNS))
    return f"""\
That is `{_SHIPPED}`. Of one use case, `drift`, 1,000 signals are ${on_demand:.0f} a month on
demand, ${single:.0f} on a provisioned stream, and ${columns:.0f} where a record holds ten values."""


def _table_of_models() -> str:
    assumptions = read_assumptions()
    lines = [
        "| | update, µs | write, µs | read, µs | bytes in its page | bytes in memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_row(name, model) for name, model in assumptions.models.items()]
    lines += [_row(f"`{name}`", model) for name, model in assumptions.use_cases.items()]
    return "\n".join(lines)


def _row(name: str, model: Model) -> str:
    figures = (model.update_us, model.dump_us, model.load_us, model.page_bytes, model.memory_bytes)
    return f"| {name} | {' | '.join(map(number, figures))} |"


@cache
def _printed(options: str) -> str:
    command = [sys.executable, "-m", "producer_sim", "plan", *options.split()]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Rewrite the document."""
    DOCUMENT.write_text(documented(DOCUMENT.read_text(), _printed))
    echo(f"Wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
