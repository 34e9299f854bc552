"""Coverage-guided fuzzing in a process of its own: `python -m tests.fuzz.fuzzer folder seconds`.

`folder` is what it starts from and what it finds new ways with; a finding is a file `finding-…` beside it.
The first byte of an input says what the others are: a payload, one in an envelope that nobody would guess,
columns and models of a page, or one packed model. What of a page can be read is learned on and written again.
"""

import gzip
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["consumer"]):
    from consumer.errors import UnreadableModel, UnreadablePage, UnwritableModels, is_models_own
    from consumer.pages.codec import PageCodec
    from tests.fuzz.target import deliver

from tests.consumer.decode.payload_builders import zstd
from tests.consumer.every_model import EVERY_MODEL
from tests.consumer.pages.hostile_pages import enveloped, with_models
from tests.fuzz.kpl_bytes import sealed

RSS_MB_MAX = 512
INPUT_SECONDS_MAX = 20

WRAPPED = {
    ord("r"): lambda payload: payload,
    ord("k"): sealed,
    ord("g"): lambda payload: gzip.compress(payload, 1),
    ord("z"): lambda payload: zstd.compress(payload, 1),
}
PAGE, MODEL = ord("p"), ord("m")
COLUMN_LENGTH_BYTES = 2
_MEMORY_BYTES = 2**20
"""As much as a model may say it takes; it says no less, so that it is read to its end."""
_CODEC = PageCodec(64 * 2**20)
_USE_CASES = {type(use_cases[0].create(1)): use_cases[0] for use_cases in EVERY_MODEL.values()}


def try_one(tried: bytes) -> None:
    """Raise `AssertionError`, or anything that was not meant, where the input does harm."""
    kind, rest = tried[:1] or b"r", tried[1:]
    if kind[0] == PAGE:
        length = int.from_bytes(rest[:COLUMN_LENGTH_BYTES])
        body = rest[COLUMN_LENGTH_BYTES:]
        _read_page(enveloped(body[:length], body[length:]))
    elif kind[0] == MODEL:
        _read_page(with_models(rest, memory=_MEMORY_BYTES))
    else:
        wrap = WRAPPED.get(kind[0], WRAPPED[ord("r")])
        deliver(wrap(rest), rest[:64].decode("latin-1"))


def _read_page(page: bytes) -> None:
    try:
        states = _CODEC.decode(page)
    except UnreadablePage:
        return
    for state in states.values():
        try:
            model = state.model
        except UnreadableModel:
            continue
        _learn(model)
    try:
        again = _CODEC.decode(_CODEC.encode(states))
    except (UnwritableModels, UnreadablePage):
        return
    assert again.keys() == states.keys()


def _learn(model: object) -> None:
    """A planted model may raise, at any value; nothing worse."""
    use_case = _USE_CASES.get(type(model))
    if use_case is None:
        return
    try:
        use_case.learn(model, [1.0, 2.5, -3.0], [1.7e9, None, 1.7e9 + 60.0])
    except BaseException as error:
        if not is_models_own(error):
            raise


def main() -> None:
    """Try inputs for so many seconds; end with libFuzzer's status at the first that does harm."""
    folder, seconds = Path(sys.argv[1]), sys.argv[2]
    options = [
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={RSS_MB_MAX}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-artifact_prefix={folder.parent}/finding-",
        "-max_len=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
