"""`python -m producer_sim`: load tests, replays, and what came of them."""

import typer

app = typer.Typer(
    help="Load tests and replays of the pipeline, and what came of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

if __name__ == "__main__":
    app()
