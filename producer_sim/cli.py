"""All commands of `python -m producer_sim`."""

import typer

from producer_sim.commands.plan import plan
from producer_sim.commands.replay import replay_command
from producer_sim.commands.report import report_command
from producer_sim.commands.score import score_command
from producer_sim.commands.simulate import simulate
from producer_sim.commands.smoke import smoke
from producer_sim.commands.watch import watch

app = typer.Typer(
    help="Load tests and replays for a pipeline, their scores and reports.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("simulate")(simulate)
app.command("replay")(replay_command)
app.command("score")(score_command)
app.command("report")(report_command)
app.command("watch")(watch)
app.command("smoke")(smoke)
app.command("plan")(plan)
