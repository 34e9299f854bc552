"""All errors, by what to do about them.

    ConsumerError
    ├── ConfigurationError      correct the named setting; nothing was read or written
    ├── MalformedEvent          not what a Kinesis event source mapping sends: nothing was done
    ├── BadDeployment           no model can learn, or none can be made: roll back
    ├── Unlearnable             quarantine it and go on: it will never be learned
    ├── UnreadablePage          quarantine the page's records; an operator rolls the page back
    ├── UnreadableModel         quarantine the signal's observations; the page goes on without it
    ├── UnwritableModel         the same: what it has become cannot be kept in a page
    ├── UnwritableModels        those of a page, by signal
    ├── MoreMemoryNeeded        the page is larger than was known: make room for it, load it again
    └── Unavailable             report it: the same call may work later
        ├── PageChanged         somebody else committed this page: reload, learn again
        └── LayoutChanged       the models were moved to other pages: read the layout again

`ModelRaised` is not one of them: it carries a model's own exception from a use case to the learning loop,
which makes an `Unlearnable` observation of it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class ConsumerError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(ConsumerError):
    """A setting is missing or wrong: the text names it and says what is allowed."""


class MalformedEvent(ConsumerError):
    """The invocation's event is not a batch of Kinesis records."""


class BadDeployment(ConsumerError):
    """No model can learn, or none can be made: the fault is in the code, not in the observations."""


class Unlearnable(ConsumerError):
    """Quarantine it and go on: it will never be learned."""


class UnreadablePage(ConsumerError):
    """The page is there and cannot be read: it is never replaced by a new one."""


class UnreadableModel(ConsumerError):
    """One model of a page cannot be read: it stays as it is, and the others go on."""


class UnwritableModel(ConsumerError):
    """A page cannot hold what a model has become, or what it is made of."""


class UnwritableModels(ConsumerError):
    """A page cannot be written because of these models, by their `SignalKey`s."""

    def __init__(self, reasons: Mapping[Any, str]) -> None:
        super().__init__("; ".join(f"{key.signal}: {reason}" for key, reason in reasons.items()))
        self.reasons = reasons


class MoreMemoryNeeded(ConsumerError):
    """A page takes more memory than was set aside for it: take more, and load it again."""


class Unavailable(ConsumerError):
    """Report it: the same call may work later."""


class PageChanged(Unavailable):
    """Somebody else committed this page: reload, learn again."""


class LayoutChanged(Unavailable):
    """The models were moved to other pages, or are being moved: read the layout again."""


def is_models_own(error: BaseException) -> bool:
    """Whether a model, and not the machine or the operator, is to blame for what it raised.

    River's Rust panics with a BaseException of its own. A lack of memory is not the observation's fault.
    """
    if isinstance(error, MemoryError | BadDeployment | ConfigurationError):
        return False
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


_TEXT_MAX = 500


def brief(error: BaseException) -> str:
    """What was raised, in one short text: what a broken object says of itself may be anything, or raise.

    >>> brief(KeyError("mean"))
    "KeyError: 'mean'"
    """
    kind = type(error).__name__
    try:
        text = f"{kind}: {error}"
    except Exception:
        return kind
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


class JoinedRow(NamedTuple):
    """What a row was joined from: observations, and values that waited in the state for these to come."""

    indices: tuple[int, ...]
    waiting: dict[str, float]
    started_s: float | None


class ModelRaised(Exception):
    """A model raised, or answered with NaN, at observation `index` of those it was given.

    If that one ended a row of several, `row` says which.
    """

    def __init__(self, index: int, reason: str, row: JoinedRow | None = None) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason
        self.row = row
