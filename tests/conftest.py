"""The corpus for tests: cases by kind, and the judge.

A test that takes `case` and is marked `@pytest.mark.corpus("openai_chat/responses")` runs once for each case
of that folder, or of several. `corpus_cases` gives the cases of a folder as a list. `judge` is
`corpus/judge.py`, `formats` is `formats.py`: modules for which no package may be made here.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, and nothing about the law. Developers' runs look for
# new examples; CI's are the same every time, so that what it says is about the change.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")

CORPUS = Path(__file__).parent / "corpus"

type Case = dict[str, Any]


def load_cases(kind: str) -> list[Case]:
    """The cases of a folder such as `openai_chat/requests`, in the order of their ids. Raises
    FileNotFoundError for a folder without cases."""
    paths = sorted((CORPUS / kind).glob("*.json"))
    if not paths:
        raise FileNotFoundError(f"no case in {CORPUS / kind}")
    return [json.loads(path.read_bytes()) for path in paths]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "corpus(*kinds): runs once for each case of these folders, as `case`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("corpus")
    if marker and "case" in metafunc.fixturenames:
        cases = [case for kind in marker.args for case in load_cases(kind)]
        metafunc.parametrize("case", cases, ids=[case["id"] for case in cases])


@pytest.fixture(scope="session")
def corpus_cases() -> Callable[[str], list[Case]]:
    return load_cases


@pytest.fixture(scope="session")
def judge() -> ModuleType:
    return load_module(CORPUS / "judge.py")


@pytest.fixture(scope="session")
def formats() -> ModuleType:
    return load_module(Path(__file__).parent / "formats.py")


def load_module(path: Path) -> ModuleType:
    """The module of a file, once."""
    name = f"tests_{path.stem}"
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, path)
        assert specification and specification.loader
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        specification.loader.exec_module(module)
    return sys.modules[name]
