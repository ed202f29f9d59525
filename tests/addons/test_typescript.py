"""The official TypeScript SDKs in Node: the tool task for every pair of formats, Anthropic's tool runner, errors.

Node is started once, with all there is to do; each test then looks at one result.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.addons.tool_task import (
    CLIENT_KEY,
    MANNERS,
    PICTURE,
    QUESTION,
    RESULTS,
    SCHEMA,
    UPSTREAMS,
    Said,
    check_upstream,
    model_name,
    received,
    script_task,
)

FOLDER = Path(__file__).parents[1] / "typescript"
CLIENTS = ("chat", "messages", "responses")
PICTURES = {"chat": 1, "messages": 2, "responses": 2}  # in turn 2: a chat client's results are text
ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    429: "RateLimitError",
    500: "InternalServerError",
}


class Job(NamedTuple):
    """What Node is told to do. `manner` is that of the calls, in the kinds `task` and `runner`."""

    kind: str
    client: str
    upstream: str
    stream: bool
    manner: str = ""
    status: int = 0

    @property
    def id(self) -> str:
        stream = "streamed" if self.stream else "whole"
        words = (self.kind, self.client, self.upstream, stream, self.manner or str(self.status or "mid-stream"))
        return "-".join(words)

    @property
    def model(self) -> str:
        if self.kind == "once":
            return f"kimi-k2-thinking+error-{self.status or 'mid-stream'}"
        return model_name(["node", self.id])


STREAM = (True, False)
TASKS = [Job("task", *job) for job in product(CLIENTS, UPSTREAMS, STREAM, MANNERS)]
RUNNERS = [Job("runner", "messages", *job, "native") for job in product(UPSTREAMS, STREAM)]
REFUSED = [Job("once", *job, "", status) for status in ERRORS for job in product(CLIENTS, UPSTREAMS, STREAM)]
BROKEN = [Job("once", *job, True) for job in product(CLIENTS, UPSTREAMS)]


class Run(NamedTuple):
    """What Node printed, what it should have seen, and what arrived upstream; by the job's id."""

    results: Any
    expected: dict[str, list[Said]]
    bodies: dict[str, list[Any]]


@pytest.fixture(scope="module")
def node(proxy: Any, session_simulator: Any) -> Run:
    program = shutil.which("node")
    assert program, "these tests need Node.js 20 or newer"
    assert (FOLDER / "node_modules").is_dir(), "scripts/test installs the packages that these tests need"
    simulator = session_simulator
    simulator.forget()
    expected = {
        job.id: script_task(simulator, job.model, job.upstream, job.manner, stream=job.stream)
        for job in (*TASKS, *RUNNERS)
    }
    shared = {"key": CLIENT_KEY, "picture": PICTURE, "question": QUESTION, "results": RESULTS, "schema": SCHEMA}
    told = {**shared, "jobs": [as_told(job, proxy.base_url) for job in (*TASKS, *RUNNERS, *REFUSED, *BROKEN)]}
    done = subprocess.run(
        [program, "task.mjs"], cwd=FOLDER, input=json.dumps(told).encode(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    bodies = {job.id: received(simulator, job.model) for job in (*TASKS, *RUNNERS)}
    return Run(json.loads(done.stdout), expected, bodies)


def as_told(job: Job, url: str) -> dict[str, Any]:
    fields = {"kind": job.kind, "client": job.client, "model": job.model, "stream": job.stream}
    return {"id": job.id, "url": f"{url}/{job.upstream}", **fields}


def each(jobs: Sequence[Job]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("job", jobs, ids=[job.id for job in jobs])


@each(TASKS)
def test_a_tool_task(node: Run, job: Job) -> None:
    result = node.results[job.id]
    assert "error" not in result, result
    for turn, said in zip(("first", "last"), node.expected[job.id], strict=True):
        assert result[turn] == json.loads(json.dumps(said._asdict()))
    check_upstream(node.bodies[job.id], job.upstream, pictures=PICTURES[job.client])


@each(RUNNERS)
def test_the_tool_runner_of_anthropic(node: Run, job: Job) -> None:
    result = node.results[job.id]
    assert "error" not in result, result
    assert (sorted(result["ran"]), result["text"]) == ([["lookup", "a"], ["search", "b"]], "It is a red pixel.")
    assert not any("thread" in body for body in node.bodies[job.id])
    check_upstream(node.bodies[job.id], job.upstream, pictures=1)


@each(REFUSED)
def test_errors(node: Run, job: Job) -> None:
    result = node.results[job.id]
    assert (result["error"], result["status"]) == (ERRORS[job.status], job.status)
    assert f"asked to answer with {job.status}" in result["message"]
    assert result["retryAfter"] == ("1" if job.status == 429 else None)


@each(BROKEN)
def test_an_error_in_the_middle_of_a_stream(node: Run, job: Job) -> None:
    assert "overloaded" in node.results[job.id]["message"]
