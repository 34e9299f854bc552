"""Files of text as lines: unpacked, and decoded from what spreadsheets and historians write."""

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clients.recordings.refusal import ReplayRefused
from consumer.decode.unpacking import ZSTD_ERRORS, zstd

_HEAD_BYTES = 4096
_NOT_READABLE: tuple[type[Exception], ...] = (OSError, EOFError, *ZSTD_ERRORS)
_BYTE_ORDER_MARKS = {  # that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive: export the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: export the sheet as CSV",
    b"\x89HDF": "HDF5: convert it to CSV or Parquet",
    b"Obj\x01": "Avro, as AWS IoT SiteWise's cold tier: convert it to CSV or Parquet",
    b"SQLite format 3": "an SQLite database: export the table as CSV",
    b"%PDF": "a PDF: export the table as CSV",
    b"CDF": "NetCDF: convert it to CSV or Parquet",
    b"MDF ": "a measurement of MDF: export it as CSV with a column of absolute times",
    b"TDSm": "LabVIEW's TDMS: export it as CSV with a column of absolute times",
    b"ARROW1": "Arrow or Feather: convert it to Parquet",
    b"ORC": "ORC: convert it to Parquet",
    b"\x93NUMPY": "an array of NumPy, without names and times: write a table as CSV or Parquet",
    b"MATLAB ": "a file of MATLAB: write a table with writetable",
    b"\x80": "a pickle of Python, which may run code: write it with to_csv or to_parquet",
}
_NO_TABLE = (
    (b"<?xml", "XML: export it as CSV or JSON"),
    (b"<!doctype html", "a web page: export the table as CSV"),
    (b"<html", "a web page: export the table as CSV"),
    (b"@relation", "ARFF: write the names of its attributes as one line above the rows, and nothing else"),
    (
        b"labview measurement",
        "a LabVIEW measurement, whose X_Value counts seconds from Date and Time above: write absolute times",
    ),
)  # fmt: skip
"""How text begins that is no table, in small letters."""
_NO_ROWS = (
    (
        re.compile(rb"(?:#[^\n]*\n)*[^\s,]+(?:,[^\s=]+=[^\s]+)* [^\s=]+=\S+(?: [^\s=]+=\S+)* \d{16,19}\r?\n"),
        "InfluxDB's line protocol: query it, and export the answer as CSV or JSON",
    ),
    (
        re.compile(rb"(?:# (?:HELP|TYPE) [^\n]*\n)+[a-zA-Z_:]"),
        "Prometheus' text of one scrape: query a range, and export the answer as JSON",
    ),
)  # fmt: skip
"""The same, of what is known by its first lines."""


def _of_windows(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8 are those of Windows: the ° of a unit, mostly."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("of_windows", _of_windows)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked if it is gzip or zstd.

    Raises:
        ReplayRefused: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked:
                yield unpacked  # type: ignore[misc]  # it has what is used of them
        elif magic == b"\x28\xb5\x2f\xfd":
            if zstd is None:
                raise ReplayRefused(
                    f"{path} is zstd, and this Python was built without it: unpack it with "
                    "`zstd -d`, or use another Python"
                )
            with zstd.open(path) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            with path.open("rb") as file:
                yield file
    except _NOT_READABLE as error:
        raise ReplayRefused(f"{path} cannot be read: {error}") from None


def head_of(path: Path) -> bytes:
    """How a file begins. Raises: `ReplayRefused`, as `opened`."""
    with opened(path) as file:
        return file.read(_HEAD_BYTES)


@contextmanager
def text_of(path: Path) -> Iterator[io.TextIOWrapper]:
    """The text of a file, without a byte order mark.

    Raises:
        ReplayRefused: It is no text.
    """
    head = head_of(path)
    for magic, what in _NO_TEXT.items():
        if head.startswith(magic):
            raise ReplayRefused(f"{path} is {what}")
    for begin, what in _NO_TABLE:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(begin):
            raise ReplayRefused(f"{path} is {what}")
    for pattern, what in _NO_ROWS:
        if pattern.match(head):
            raise ReplayRefused(f"{path} is {what}")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) < len(head) / 4:
            row = head.count(b"\n", 0, head.index(b"\0")) + 1
            if row > 2 and all(byte >= 32 or byte in b"\t\r\n\0" for byte in head):
                raise ReplayRefused(
                    f"{path}, line {row} has bytes of zero, as a logger leaves them whose power failed. "
                    "Remove the line"
                )
            raise ReplayRefused(f"{path} is neither text nor Parquet: export it as CSV, JSON or Parquet")
        encoding = "utf-16-le" if odd > even else "utf-16-be"
    with opened(path) as file:
        text = io.TextIOWrapper(
            file, encoding, errors="of_windows" if encoding.startswith("utf-8") else "replace", newline=""
        )
        yield text
