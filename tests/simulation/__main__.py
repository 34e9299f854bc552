"""Play seeds, on all processors: `make sim SEEDS=n`. `--seed` plays one again, with its trace."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.simulation import mutants, worker
from tests.simulation.chance import KINDS, REACHED

# The world imports the consumer, which a mutant has to come before: so it is imported where it is needed.
if TYPE_CHECKING:
    from tests.simulation.plan import Outcome, Plan

_CHUNK, _CHUNK_OF_MUTANT = 25, 5
_SHOWN_MAX = 3
app = typer.Typer(add_completion=False)


@app.command()
def main(
    seeds: Annotated[int, typer.Option(help="How many seeds to play.")] = 1_000,
    first: Annotated[int, typer.Option(help="The first of them.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Play this one alone, with its trace.")] = None,
    records: Annotated[int, typer.Option(help="With --seed: so many records.")] = 0,
    without: Annotated[
        list[str] | None, typer.Option(help="With --seed: a kind of fault to leave out.")
    ] = None,
    mutant: Annotated[str, typer.Option(help="Play the protocol with this mistake in it.")] = "",
    all_mutants: Annotated[bool, typer.Option(help="Play each mistake until it is caught.")] = False,
) -> None:
    """Exit with 1 where an invariant was violated, or where something was never tried."""
    if all_mutants:
        raise typer.Exit(_each_mutant_is_caught(seeds))
    if seed is not None:
        mutants.install(mutant)
        from tests.simulation.plan import Plan

        raise typer.Exit(_play_again(Plan(seed, records, frozenset(without or ()))))
    raise typer.Exit(_play(range(first, first + seeds), mutant))


def _play(seeds: range, mutant: str) -> int:
    start, failed, exercised, reached = time.perf_counter(), [], Counter(), Counter()
    size = _CHUNK_OF_MUTANT if mutant else _CHUNK
    chunks = [seeds[at : at + size] for at in range(0, len(seeds), size)]
    # The same on every Python and system, whose own choices differ.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn, partial(worker.prepare, mutant)) as processes:
        for outcomes in processes.map(worker.simulated, chunks):
            for outcome in outcomes:
                exercised += outcome.exercised
                reached += outcome.coverage
                failed += [outcome] if outcome.violations else []
            if failed and mutant:
                processes.shutdown(cancel_futures=True)
                break
    never = [] if mutant else sorted((KINDS - exercised.keys()) | (REACHED - reached.keys()))
    _print_counts("Exercised", KINDS, exercised)
    _print_counts("Reached", REACHED, reached)
    for outcome in failed[:_SHOWN_MAX]:
        _tell(outcome.plan, outcome.violations)
    if failed and not mutant:
        _tell_smallest(failed[0])
    if never:
        print(f"Never exercised, so nothing is shown about it: {', '.join(never)}")
    print(f"in {time.perf_counter() - start:.0f} s")
    print(f"{len(seeds)} seeds, {len(failed)} violations")
    return int(bool(failed or never))


def _print_counts(title: str, kinds: frozenset[str], counts: Counter) -> None:
    table = Table("what happened", "how often", title=title, title_justify="left")
    for kind in sorted(kinds):
        table.add_row(kind, f"{counts[kind]:,}")
    Console().print(table)


def _tell(plan: "Plan", violations: list[str]) -> None:
    print(f"Seed {plan.seed}: {'; '.join(violations[:3])}")
    print(f"  again: {plan.command}")


def _tell_smallest(outcome: "Outcome") -> None:
    from tests.simulation.play import simulate
    from tests.simulation.shrink import shrunk

    smallest = shrunk(outcome)
    print(f"Smaller, of seed {outcome.plan.seed}:")
    _tell(smallest.plan, smallest.violations)
    print("\n".join(simulate(smallest.plan, is_traced=True).trace[-80:]))


def _play_again(plan: "Plan") -> int:
    from tests.simulation.play import simulate

    outcome = simulate(plan, is_traced=True)
    print("\n".join(outcome.trace))
    print("\n".join(outcome.violations) or "no violation")
    return int(bool(outcome.violations))


def _each_mutant_is_caught(seeds: int) -> int:
    """Each has to break a promise in a world that breaks none without it."""
    from tests.simulation.plan import Plan
    from tests.simulation.play import simulate

    survivors = []
    for name in mutants.MUTANTS:
        command = [sys.executable, "-m", "tests.simulation", "--seeds", str(seeds), "--mutant", name]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        failed = [line for line in ran.stdout.splitlines() if line.startswith("Seed ")]
        found = [line for line in failed if not simulate(Plan(int(line[5:].partition(":")[0]))).violations]
        print(f"{'caught' if found else 'NOT CAUGHT':10}  {name}", flush=True)
        print(
            f"            {found[0][:160] if found else ran.stdout[-300:] + ran.stderr[-2000:]}", flush=True
        )
        survivors += [] if found else [name]
    print(f"{len(mutants.MUTANTS)} mutants, {len(survivors)} not caught")
    return int(bool(survivors))


if __name__ == "__main__":
    app()
