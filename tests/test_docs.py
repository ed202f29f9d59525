"""The pages are true: what they link to is there, and the commands that they show have such names and options."""

import re
from pathlib import Path

import pytest

from config import environment

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?<!\.)\./scripts/([\w-]+)((?: --[a-z][\w-]*)*)")
SOURCES = {  # where else the options of a script stand
    "bench": ["benchmark.py"],
    "doctor": ["doctoring/__main__.py"],
    "record": ["recording.py"],
    "run": ["start.py"],
    "simulator": ["vendor/__main__.py"],
}
SETTING = re.compile(r"\b((?:KIMI|LOG|DASHBOARD|LIVESTORE|OPENROUTER|VERTEX|ENSURE|MODEL)_[A-Z_]+)\b")
# Read by the scripts themselves, and files' names.
_OWN = {"KIMI_PROXY_PORT", "KIMI_API_PORT", "KIMI_PROXY_HOST", "MODEL_CONFIG", "MODEL_CONFIG_PATH"}


def anchors(page: Path) -> set[str]:
    """Of its headings, as they are made of their words."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_such_names_and_options(page: Path) -> None:
    for name, options in COMMAND.findall(page.read_text()):
        script = ROOT / "scripts" / name
        assert script.is_file(), name
        known = "\n".join((ROOT / "scripts" / source).read_text() for source in (name, *SOURCES.get(name, ())))
        for option in options.split() if name != "with-proxy" else ():  # its options are its client's
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", known), f"{name} {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_have_such_names(page: Path) -> None:
    known = Path(environment.__file__).read_text()
    for name in set(SETTING.findall(page.read_text())) - _OWN:
        assert f'"{name}"' in known, name


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []
