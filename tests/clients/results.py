"""What came of each cell, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.clients.defects import ALL
from tests.clients.programs import CLIENTS, MODES, Client, Mode


@dataclass(frozen=True)
class Cell:
    client: str
    mode: Mode
    family: str


RESULTS: dict[Cell, float | None] = {}  # seconds; None where it failed


def cells(names: Sequence[str]) -> list[Cell]:
    """All that can be tried of these clients: a family at a time, for which there is one proxy."""
    return [
        Cell(name, mode, family)
        for family in ALL
        for name in names
        for mode in MODES
        if CLIENTS[name].way(mode) and family in CLIENTS[name].families
    ]


def table(results: Mapping[Cell, float | None]) -> str:
    """In Markdown, as docs/clients.md has it: how many of the families went well, and which did not."""
    lines = ["| client | version | " + " | ".join(MODES) + " | seconds |", "|---|---|" + "---|" * (len(MODES) + 1)]
    for name, client in CLIENTS.items():
        if any(cell.client == name for cell in results):
            lines.append(_line(name, client, results))
    return "\n".join(lines)


def _line(name: str, client: Client, results: Mapping[Cell, float | None]) -> str:
    said, times = [], []
    for mode in MODES:
        here = {cell.family: seconds for cell, seconds in results.items() if (cell.client, cell.mode) == (name, mode)}
        failed = [family for family, seconds in here.items() if seconds is None]
        good = [seconds for seconds in here.values() if seconds is not None]
        times += good
        wrong = f" (not {', '.join(failed)})" if failed else ""
        said.append(f"{len(good)}/{len(here)}{wrong}" if here else "-")
    middle = f"{sorted(times)[len(times) // 2]:.1f}" if times else "-"
    return f"| {client.title} | {client.version} | {' | '.join(said)} | {middle} |"
