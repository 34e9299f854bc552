"""The collector waits while a batch is learned, and then goes on as it was set."""

import gc

import pytest

from consumer.handler import gc_paused


def learn():
    with gc_paused():
        assert not gc.isenabled()
        raise ZeroDivisionError


@pytest.mark.parametrize("was_on", [True, False])
def test_it_waits_and_then_goes_on_as_before_whatever_is_raised(was_on):
    before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        with pytest.raises(ZeroDivisionError):
            learn()
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()
