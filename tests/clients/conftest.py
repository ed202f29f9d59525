"""A proxy for each family of defects, the clients' folders, and the table at the end.

The plain run does not collect this folder: `scripts/test --clients` does.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from scripts.vendor.server import Simulator
from tests.addons import conftest as addons
from tests.clients.defects import routes
from tests.clients.programs import CLIENTS
from tests.clients.results import RESULTS, cells, table

# pytest finds fixtures by the names in a conftest; the proxies and the vendor are those of the addons' tests.
confdir, until = addons.confdir, addons.until
session_simulator, start_shared = addons.session_simulator, addons.start_shared


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--client", action="append", default=[], choices=list(CLIENTS), help="only this; may be repeated")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        chosen = cells(metafunc.config.getoption("client") or list(CLIENTS))
        names = ["-".join((cell.client, cell.mode, cell.family)) for cell in chosen]
        arguments = [(cell.family, cell) for cell in chosen]
        metafunc.parametrize(("vendor", "cell"), arguments, ids=names, indirect=["vendor"], scope="module")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if RESULTS:
        terminalreporter.section("clients")
        terminalreporter.write_line(table(RESULTS))


@pytest.fixture(scope="module")
def vendor(request: pytest.FixtureRequest, start_shared: Any, session_simulator: Simulator) -> Iterator[addons.Proxy]:
    """The proxy before a vendor that is wrong in one way."""
    proxy = start_shared(routes(request.param, session_simulator.url))
    yield proxy
    proxy.stop()
