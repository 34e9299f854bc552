"""A signal's states are found on whatever page holds them, or it is said why not."""

import asyncio
import random

import pytest

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, UnreadablePage
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout
from consumer.pages.store import PageStore
from consumer.use_cases import USE_CASES
from ops.state.page_editor import PageEditor
from tests.consumer.world import InMemoryObjects

OWN = SignalKey("pump1.flow", "pump1.flow")
OF_ASSET = SignalKey("pump1", "pump1.flow")
OF_ANOTHER = SignalKey("tank9", "level")


def editor_of(*keys: SignalKey, pages: int) -> PageEditor:
    """Pages that hold these signals, each where its record signal puts it."""
    objects, layout = InMemoryObjects(), Layout("models/drift/x", pages)
    for page_key, of_page in layout.grouped(keys).items():
        states = {key: State(USE_CASES["drift"].create(1), learned=3) for key in of_page}
        objects.objects[page_key] = ('"1"', PageCodec().encode(states))
    return PageEditor(PageStore(objects, PageCodec(), 0), layout, random.Random(1))


def found(editor: PageEditor, signal: str) -> list[SignalKey]:
    return [place.key for place in asyncio.run(editor.places(signal))]


@pytest.mark.parametrize("pages", [0, 1, 16])
def test_all_states_of_a_signal_are_found_whichever_records_bring_it(pages):
    editor = editor_of(OWN, OF_ASSET, OF_ANOTHER, pages=pages)
    assert found(editor, "pump1.flow") == [OF_ASSET, OWN]
    assert found(editor, "level") == [OF_ANOTHER], "though its name does not suggest tank9"
    for place in asyncio.run(editor.places("level")):
        assert place.page.key == editor.layout.key_of("tank9")
        assert place.state.learned == 3


@pytest.mark.parametrize("pages", [0, 1, 16])
def test_a_signal_that_no_page_holds_is_reported_with_similar_names(pages):
    with pytest.raises(ConfigurationError, match=r"no signal 'pump1\.flaw'; similar: pump1\.flow"):
        found(editor_of(OWN, OF_ANOTHER, pages=pages), "pump1.flaw")


def test_a_page_that_cannot_be_read_may_hold_the_signal():
    editor = editor_of(OWN, pages=0)
    objects = editor.pages._objects
    objects.objects[editor.layout.key_of("pump1")] = ('"1"', b"spoilt")
    for signal in ("pump1.flow", "pump1.level"):
        with pytest.raises(UnreadablePage, match="cannot be read"):
            found(editor, signal)
