"""Errors of reaching a pipeline.

PipelineError
├── PipelineNotFound    there is no such pipeline, or no way to reach it
├── ServingFailed       the local pipeline did not start, or ended too early
├── NotObservable       nothing can be observed, or no longer
└── StatesUnreadable    the models were written by other versions than are installed here
"""


class PipelineError(Exception):
    """Show the text: it says what was looked for, and what to do."""


class PipelineNotFound(PipelineError):
    """Name another pipeline, or set region and credentials, as the text says."""


class ServingFailed(PipelineError):
    """Read the log that the text names; it quotes the end."""


class NotObservable(PipelineError):
    """Name a pipeline that is more than a stream, or mend what the text names."""


class StatesUnreadable(PipelineError):
    """The function runs another version of River: install what consumer/requirements.lock pins."""
