"""Tests of transforms/repair_kinds.py: the table and the rules agree."""

import re
from pathlib import Path

from transforms.repair_kinds import REPAIR_KINDS

ROOT = Path(__file__).resolve().parents[2]
REPORTED = re.compile(r"""(?:Repair|repair|_repair|report)\(\s*"([a-z][a-z-]+)\"""")


def test_every_kind_that_is_reported_is_explained() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "transforms").rglob("*.py")]
    reported = {kind for source in sources for kind in REPORTED.findall(source)}
    assert len(reported) > 15
    assert reported <= set(REPAIR_KINDS)


def test_every_explanation_is_one_phrase() -> None:
    for kind, phrase in REPAIR_KINDS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind)
        assert phrase and not phrase.endswith(".")
