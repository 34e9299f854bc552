"""The garbage collector waits while a batch is learned.

It would look through the ten thousands of objects of a batch several times, and find nothing: what a batch
makes holds no cycles, and goes when the batch goes. Between batches it does its work as ever.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_later() -> Iterator[None]:
    """Nothing is collected inside, unless the collector was off before."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
