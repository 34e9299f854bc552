"""How to send: how many at a time, and the patience with refusals."""

import random
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of a refused record: a random part of a time that doubles, so that records do not go in step."""

    first_seconds: float = 0.05
    longest_seconds: float = 5.0
    attempts_max: int = 12

    def seconds(self, attempts: int, rng: random.Random) -> float:
        """How long to wait after `attempts` refusals, 1 or more."""
        return rng.uniform(0.0, min(self.longest_seconds, self.first_seconds * 2.0 ** (attempts - 1)))


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How long a due record waits for company, how many may wait, and what becomes of refusals."""

    requests_in_flight: int = 4
    linger_s: float = 0.05
    waiting_records_max: int = 20_000
    waiting_bytes_max: int = 64 * 1024 * 1024
    backoff: Backoff = field(default_factory=Backoff)
    resend_when_answer_lost: bool = False


AS_DUE = SendOptions()
