"""What is raised where there is no such pipeline."""


class PipelineNotFound(Exception):
    """There is no such pipeline, or no way to it: the text says what to do."""
