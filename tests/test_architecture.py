"""The documents lead into the code: paths, headings and names that they mention exist."""

import re
from pathlib import Path

from tests.test_import_rule import ROOMS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
# A module that the reader writes.
OF_THE_READER = {"consumer/own_models.py"}


def prose(document: Path) -> str:
    return re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_to_a_heading_leads_to_one():
    for document in DOCUMENTS:
        for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", prose(document)):
            target = document.parent / file if file else document
            assert anchor in anchors(target), f"{document.name}: {file}#{anchor}"


def test_every_path_that_the_documents_name_exists():
    for document in DOCUMENTS:
        for path in re.findall(r"(?<!\[)`((?:\w+/)+[\w.]+\.(?:py|yaml|lock|txt))`", prose(document)):
            assert path in OF_THE_READER or (ROOT / path).is_file(), f"{document.name}: {path}"


def test_architecture_links_to_files_of_the_code_only_where_there_are_any():
    links = re.findall(r"\]\(\.\./([^)#]+)\)", ARCHITECTURE.read_text())
    assert len(set(links)) >= 30
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_names_of_the_glossary_are_in_the_files_that_it_links():
    glossary = ARCHITECTURE.read_text().partition("\n## Glossary\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in glossary.splitlines() if line.startswith("| ")][1:]
    file = ""
    for word, _, where in rows[1:]:
        links = re.findall(r"\]\(\.\./([^)]+\.py)\)", where)
        assert links or "the same file" in where or "](../" in where, word
        text = "".join((ROOT / link).read_text() for link in links or [file] if link)
        for name in re.findall(r"(?<!\[)`(\w+)(?:\.\w+)?`(?!\])", where):
            assert re.search(rf"\b{name}\b", text), f"{word}: {name}"
        file = links[0] if links else file


def test_every_room_of_the_consumer_is_in_the_walk():
    walk = ARCHITECTURE.read_text().partition("\n## Glossary\n")[0]
    rooms = {path.parent.name for path in (ROOT / "consumer").glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"\]\(\.\./consumer/(\w+)", walk))


def test_contributing_says_how_the_rooms_may_import():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    line = re.search(r"^(errors, .*?)  +in consumer/$", text, flags=re.MULTILINE)[1]
    assert [set(rooms.split(", ")) for rooms in line.split(" < ")] == list(ROOMS)


def test_the_names_in_the_recipes_are_in_the_files_that_they_are_about():
    recipes = ARCHITECTURE.read_text().partition("\n## Recipes\n")[2]
    found = 0
    for file, what in re.findall(r"^\| (.*?) \| (.*) \|$", recipes, flags=re.MULTILINE):
        links = re.findall(r"\]\(\.\./([^)#]+\.py)\)", file + what)
        folder = ROOT / links[0] if links else ROOT
        texts = [path.read_text() for path in folder.parent.glob("*.py")] if links else []
        texts += [(ROOT / link).read_text() for link in links]
        for name in re.findall(r"`@?(?:\w+\.)?(_?[A-Za-z_]{4,})`", what) if links else []:
            assert any(re.search(rf"\b{name}\b", text) for text in texts), f"{file}: {name}"
            found += 1
    assert found >= 10
