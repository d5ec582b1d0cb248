"""What the documents say of the tree is so: every file that they name exists, and holds what they say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", CONTRIBUTING, *PAGES, *DECISIONS]

_PATH = re.compile(
    r"(?<![\w./-])(?:agent|distill|models|tests|configs|docs|systemd)/[\w./-]*\w/?|\b[A-Z]\w+\.md\b"
)
_NAME_IN_PATH = re.compile(r"`(?:\w+\.)?(\w+)`\s+in\s+`([\w/]+\.py)`")


def paths_in(document):
    """What a document says about our tree, without the addresses that it links to."""
    return sorted(set(_PATH.findall(re.sub(r"https?://\S+", "", document.read_text("utf-8")))))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_a_document_names_exists(document):
    named = paths_in(document)
    assert len(named) >= 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_named_by_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(PAGES) >= 2
    assert [page.name for page in PAGES if f"(docs/{page.name})" not in readme] == []


def test_what_is_said_to_be_in_a_file_is_defined_there():
    said = _NAME_IN_PATH.findall(CONTRIBUTING.read_text("utf-8"))
    names = {name for name, _ in said}
    assert {"redact", "mask_losses", "decoder_for", "Family", "TERMS", "OPS", "TOPICS"} <= names
    for name, path in said:
        source = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^(?:\s*def |class )?{name}\b", source, re.MULTILINE), (name, path)


def test_decisions_are_numbered_dated_and_of_one_shape():
    assert len(DECISIONS) >= 5
    assert [path.name[:5] for path in DECISIONS] == [
        f"{number:04}-" for number in range(1, len(DECISIONS) + 1)
    ]
    for number, path in enumerate(DECISIONS, 1):
        text = path.read_text("utf-8")
        assert text.startswith(f"# {number}. ")
        assert re.search(r"^Taken on \d{4}-\d\d-\d\d", text, re.MULTILINE)
        parts = re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequence"]
