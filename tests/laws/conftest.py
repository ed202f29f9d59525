"""`openai_stream` is the module of that name in this folder: what OpenAI's stream may look like."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def openai_stream() -> ModuleType:
    name = "laws_openai_stream"
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, Path(__file__).parent / "openai_stream.py")
        assert specification and specification.loader
        sys.modules[name] = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(sys.modules[name])
    return sys.modules[name]
