"""Tests of scripts/log_bench.py: it writes and asks what it says. What it measures is a figure, never a test."""

import json
from pathlib import Path

import pytest

from scripts import benchmark
from scripts.log_bench import QUESTIONS, ask_all, exchanges
from webui.filters import parse
from webui.reader import Reader

NOW = 1_700_000_000.0


def test_every_figure_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--log", "60", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["log"]["exchanges"] == 60
    assert min(figures["log"].values()) > 0
    assert 0 < figures["questions_ms"]["median"] <= figures["questions_ms"]["p95"] <= figures["questions_ms"]["most"]


def test_the_same_exchanges_each_time() -> None:
    begun = [(record.provider, outcome.status) for record, _, _, outcome in exchanges(50, NOW)]
    assert begun == [(record.provider, outcome.status) for record, _, _, outcome in exchanges(50, NOW)]
    assert len(set(begun)) > 3


def test_every_question_can_be_asked(tmp_path: Path) -> None:
    for question in QUESTIONS:
        assert len(parse(question, NOW)) == len(question.replace('"needle haystack"', "one").split())
    with pytest.raises(RuntimeError, match="unable to open"):
        ask_all(Reader(str(tmp_path / "logs.db"), str(tmp_path / "blobs")), NOW)
