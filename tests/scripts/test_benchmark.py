"""Tests of scripts/benchmark.py: it measures both proxies. What it measures is a figure, never a test."""

import json
import subprocess
import sys

import pytest

from scripts import benchmark
from scripts.ports import free_port


def test_a_quick_run_gives_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--quick", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for name in ("cpu_per_chunk_us", "cpu_per_request_ms", "time_to_first_token_ms"):
        assert figures[name]["plain"] > 0
        assert figures[name]["ours"] > 0
    assert set(figures["memory_over_100000_chunks_mib"]) == {"plain", "ours"}
    assert figures["seconds_for_arguments"]["growth"] > 0
    assert figures["seconds_for_history"]["growth"] > 0
    for load in figures["added_by_a_reprompt_ms"].values():
        assert 0 < load["median"] <= load["p95"]


def test_the_table_shows_every_figure() -> None:
    figures = {"cpu_per_chunk_us": {"plain": 1.5, "ours": 2.5}, "memory": {"ours": {"before": 1, "added": 0}}}
    assert benchmark._table(figures).splitlines() == [
        "cpu per chunk us",
        "    plain            1.5",
        "    ours             2.5",
        "memory",
        "    ours             before 1, added 0",
    ]


def test_a_process_that_does_not_start_is_reported() -> None:
    with (
        pytest.raises(RuntimeError, match="did not start"),
        benchmark._proxy("broken", [sys.executable, "-c", "raise SystemExit(3)"], {}, port=1),
    ):
        raise AssertionError("must not be reached")


def test_an_error_answer_is_no_figure() -> None:
    port = free_port()
    command = [sys.executable, "-m", "scripts.vendor", "--port", str(port)]
    vendor = subprocess.Popen(command, cwd=benchmark.CHECKOUT, stdout=subprocess.PIPE)
    try:
        assert vendor.stdout is not None
        vendor.stdout.readline()
        with pytest.raises(RuntimeError, match="answered 500"):
            benchmark._ask(benchmark.Proxy("vendor", port, vendor.pid), "kimi-k2-thinking+error-500", stream=False)
    finally:
        vendor.terminate()
        vendor.wait(10)
        assert vendor.stdout is not None
        vendor.stdout.close()
