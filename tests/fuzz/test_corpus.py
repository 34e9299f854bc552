"""Each hostile payload becomes what it should, and harms nothing: see also `make fuzz`."""

import pytest

from tests.fuzz.corpus import Hostile, corpus, well_formed
from tests.fuzz.kpl_bytes import sealed
from tests.fuzz.target import Became, deliver

CORPUS = corpus()


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_payload_ends_learned_skipped_or_quarantined(name):
    became = deliver(CORPUS[name].payload)
    told = {
        "learned": became.learned and not became.quarantined,
        "skipped": became.skipped and not became.quarantined,
        "quarantined": became.quarantined and not became.learned,
        "both": became.quarantined and became.learned,
    }
    assert told[CORPUS[name].becomes], became


@pytest.mark.parametrize("name", well_formed())
def test_what_a_fuzzer_starts_from_is_learned(name):
    payload = well_formed()[name]
    became = deliver(sealed(payload) if name.startswith("kpl") else payload)
    assert became.learned
    assert not became.quarantined


@pytest.mark.parametrize("key", ["", "..", "\ud800", "a\nb", "\x00", "k" * 256, "%", "😀"])
def test_a_bare_number_of_any_partition_key_ends_somewhere(key):
    assert deliver(b"1.5", key) in (Became(1, 0, 0), Became(0, 0, 1))


def test_the_outcomes_are_told_apart():
    assert deliver(b'{"signal": "s", "values": [1, 2, null, "x"]}') == Became(2, 1, 1)
    assert Hostile(b"").becomes == "quarantined"
