"""Pages that the code of before has written are read, and their models go on.

`pages_of_before.msgpack` holds a page of each model of `every_model.py`, in which one of seed 7 has learned
as many values of the conformance test as its name ends in, from when half-space trees were objects. The bytes
of the models are of that time; the columns around them are those of today's format.
"""

from pathlib import Path

import msgspec
import pytest

from consumer.pages.codec import PageCodec, opened, versions
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.test_conformance import KEY, TIMES, VALUES

PAGES = msgspec.msgpack.decode(Path(__file__).with_name("pages_of_before.msgpack").read_bytes())


@pytest.mark.skipif(
    opened(next(iter(PAGES.values())))[0].river != versions()["river"],
    reason="pages of another River are not read",
)
@pytest.mark.parametrize("name", PAGES)
def test_a_model_of_a_page_of_before_goes_on_as_one_that_learned_all(name):
    family, model_name, number, count = name.rsplit("-", 3)
    use_case, count = EVERY_MODEL[family, model_name][int(number)], int(count)
    read = PageCodec().decode(PAGES[name])[KEY].model
    whole = use_case.create(seed=7)
    use_case.learn(whole, VALUES[:count], TIMES[:count])
    found, expected = (use_case.learn(model, VALUES[count:], TIMES[count:]) for model in (read, whole))
    assert found == expected
