"""Distinguishes a bad deployment from a bad observation, before anything is committed."""

import asyncio
from collections.abc import Iterable

from consumer.errors import BadDeployment

SIGNALS_MIN = 20


class DeploymentCheck:
    """Each page of a batch reports once how many signals it has, and how many of their models raised.

    A page whose models did not raise need not wait. Any other waits until a model of some page has learned,
    or all pages have reported: if then 20 models or more raised and none learned, the code is bad.
    """

    def __init__(self, page_keys: Iterable[str]) -> None:
        self._awaited = set(page_keys)
        self._raised = 0
        self._one_learned = False
        self._decided = asyncio.Event()

    def report(self, page_key: str, signals: int, raised: int) -> None:
        """Report for a page, the first time only; one that could not be loaded reports zeros."""
        if page_key in self._awaited:
            self._awaited.remove(page_key)
            self._raised += raised
            self._one_learned |= raised < signals
            if self._one_learned or not self._awaited:
                self._decided.set()

    async def passed(self) -> None:
        """Wait until it is known that models can learn.

        Raises: `BadDeployment`.
        """
        await self._decided.wait()
        if not self._one_learned and self._raised >= SIGNALS_MIN:
            raise BadDeployment(
                f"the models of all {self._raised} signals of the batch raised: nothing was committed. "
                "Roll the deployment back"
            )
