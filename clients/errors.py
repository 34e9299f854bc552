"""What is raised where a pipeline is not there, or cannot be seen.

PipelineError
├── PipelineNotFound    there is no such pipeline, or no way to it
├── NotObservable       nothing can be seen of it, or no longer
└── StatesUnreadable    its states are of other versions than are installed here
"""


class PipelineError(Exception):
    """Show the text: it says what was looked for, and what to do."""


class PipelineNotFound(PipelineError):
    """Name another pipeline, or set region and credentials, as the text says."""


class NotObservable(PipelineError):
    """Name a pipeline that is more than a stream, or see to what the text names."""


class StatesUnreadable(PipelineError):
    """The function learns with another River than is here: install what consumer/requirements.lock pins."""
