"""How long the invocation may still take, as Lambda's context tells."""

from collections.abc import Callable
from typing import Any

# Of the time at the start: what is kept for committing, and for the answer itself.
_COMMIT_SHARE, _COMMIT_S_MAX = 0.3, 10.0
_ANSWER_SHARE, _ANSWER_S_MAX = 0.1, 2.0


class InvocationTime:
    """The time of one invocation; without a context that tells it, there is no end to it."""

    def __init__(self, context: Any) -> None:
        tell: Callable[[], int] | None = getattr(context, "get_remaining_time_in_millis", None)
        self._tell_ms = tell
        self._commit_s = self._answer_s = 0.0
        if tell is not None:
            whole_s = tell() / 1000.0
            self._commit_s = min(whole_s * _COMMIT_SHARE, _COMMIT_S_MAX)
            self._answer_s = min(whole_s * _ANSWER_SHARE, _ANSWER_S_MAX)

    def is_short(self) -> bool:
        """Whether only the time for committing is left."""
        return self._tell_ms is not None and self._tell_ms() / 1000.0 <= self._commit_s

    def seconds_to_answer(self) -> float | None:
        """How long effects may be waited for, so that the answer still arrives; None: for ever."""
        if self._tell_ms is None:
            return None
        return max(0.0, self._tell_ms() / 1000.0 - self._answer_s)
