"""`python -m producer_sim.plan.document`: write the tables of docs/costs.md anew.

Between `<!-- planned: NAME -->` and `<!-- end -->` the document has what this writes; the rest is written by
hand.
"""

import re
import tomllib
from pathlib import Path

from producer_sim.plan.assumptions import ASSUMPTIONS_FILE, read_assumptions
from producer_sim.plan.document_tables import texts_of
from producer_sim.plan.prices import read_prices

DOCUMENT = Path(__file__).parents[2] / "docs" / "costs.md"
_MARKED = re.compile(r"(<!-- planned: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


class MarksMissing(Exception):
    """Put the marks that the text names back into the document, in pairs."""


def documented(text: str) -> str:
    """The document with its tables as the files of assumptions and prices have them now.

    Raises: `MarksMissing`.
    """
    figures = tomllib.loads(ASSUMPTIONS_FILE.read_text())
    texts = texts_of(read_assumptions(), figures, read_prices())
    found = [name for _, name, _ in _MARKED.findall(text)]
    if sorted(found) != sorted(texts):
        raise MarksMissing(f"docs/costs.md has marks for {sorted(found)}, and needs {sorted(texts)}")
    return _MARKED.sub(lambda marked: f"{marked[1]}{texts[marked[2]]}\n{marked[3]}", text)


def main() -> None:
    """Rewrite the document, and say so."""
    DOCUMENT.write_text(documented(DOCUMENT.read_text()))
    print(f"Wrote the tables of {DOCUMENT}")


if __name__ == "__main__":
    main()
