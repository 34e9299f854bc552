"""What ends a replay before anything is sent."""


class ReplayRefused(Exception):
    """A file cannot be replayed as asked: the text names file, row or column, and what to do."""
