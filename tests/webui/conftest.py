"""Where the log's tests keep a log: both databases, both kinds of blob store.

`database` and `blobs` are a file of SQLite and a folder, of the test's own. What holds for both kinds is marked with
`@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)`, or for `blobs` with `folder` and
`objects`. The tests start a PostgreSQL server of their own, once a session; without its programs they are skipped.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from flask.testing import FlaskClient

from tests.postgresql import emptied, running_postgresql
from tests.webui.filled_log import locations_in
from webui.app import create_app


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with running_postgresql() as server:
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The location of a log's database that is not there yet, or is empty."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return str(tmp_path / "data" / "logs.db")
    return emptied(request.getfixturevalue("postgresql_server"), "log")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Likewise of both kinds, one for all tests of a module, which fill and empty it."""
    if request.param == "sqlite":
        return str(tmp_path_factory.mktemp("shared") / "logs.db")
    return emptied(request.getfixturevalue("postgresql_server"), "shared_log")


@pytest.fixture
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The location of an empty blob store."""
    if getattr(request, "param", "folder") == "folder":
        yield str(tmp_path / "data" / "blobs")
        return
    root = f"/blobs-{uuid.uuid4().hex}"
    yield f"memory:/{root}"
    system = fsspec.filesystem("memory")
    if system.exists(root):
        system.rm(root, recursive=True)


@pytest.fixture
def locations(tmp_path: Path) -> dict[str, str]:
    """Where the log of a test of the app is."""
    return locations_in(tmp_path)


@pytest.fixture
def client(locations: dict[str, str]) -> FlaskClient:
    return create_app(locations).test_client()
