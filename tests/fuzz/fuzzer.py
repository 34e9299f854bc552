"""Coverage-guided fuzzing in a process of its own: `python -m tests.fuzz.fuzzer folder seconds`.

`folder` is what it starts from and what it finds new ways with; a finding is a file `finding-…` beside it.
The first byte of an input says what the others are: a payload, one in an envelope that nobody would guess, or
the body of a page.
"""

import gzip
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["consumer"]):
    from consumer.errors import UnreadablePage
    from consumer.pages.codec import PageCodec
    from tests.fuzz.target import deliver

from tests.consumer.decode.payload_builders import zstd
from tests.consumer.pages.hostile_pages import enveloped
from tests.fuzz.kpl_bytes import sealed

RSS_MB_MAX = 2048
INPUT_SECONDS_MAX = 20

WRAPPED = {
    ord("r"): lambda payload: payload,
    ord("k"): sealed,
    ord("g"): lambda payload: gzip.compress(payload, 1),
    ord("z"): lambda payload: zstd.compress(payload, 1),
}
PAGE = ord("p")
_CODEC = PageCodec(64 * 2**20)


def try_one(tried: bytes) -> None:
    """Raise `AssertionError`, or anything that was not meant, where the input does harm."""
    kind, rest = tried[:1] or b"r", tried[1:]
    if kind[0] == PAGE:
        _read_page(rest)
    else:
        wrap = WRAPPED.get(kind[0], WRAPPED[ord("r")])
        deliver(wrap(rest), rest[:64].decode("latin-1"))


def _read_page(body: bytes) -> None:
    try:
        states = _CODEC.decode(enveloped(body))
        _CODEC.encode(states)
    except UnreadablePage:
        pass


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
