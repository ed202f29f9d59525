"""The command `scripts/doctor`."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from scripts.doctoring.authority import check_authority
from scripts.doctoring.claude import check_claude
from scripts.doctoring.clients import check_other_clients
from scripts.doctoring.findings import Finding, Surroundings, problem
from scripts.doctoring.listeners import check_base_url, check_dashboard, check_proxy
from scripts.doctoring.machine import check_disk, check_python
from scripts.doctoring.models import check_models, read_settings
from scripts.doctoring.upstreams import check_upstreams
from scripts.doctoring.variables import check_variables

# By the heading under which what they find is told.
CHECKS: Mapping[str, Sequence[Callable[[Surroundings], Iterator[Finding]]]] = {
    "This machine": (check_python, check_disk),
    "The proxy": (check_proxy, check_base_url, check_dashboard, check_authority),
    "Models": (check_models, check_upstreams),
    "Clients": (check_variables, check_claude, check_other_clients),
}
SIGNS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}
_COLOURS = {"ok": "32", "warning": "33", "problem": "31"}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/doctor",
        description="Looks for what keeps a client from getting its answers through the proxy, and says what to do.",
        epilog="Run it where scripts/run is started, with the environment that the client gets.",
    )
    parser.add_argument("--call", action="store_true", help="send each configured model one short request")
    parser.add_argument("--json", action="store_true", help="what was found as JSON, for programs")
    options = parser.parse_args(arguments)
    around, found = read_settings(
        Surroundings(
            directory=Path.cwd(),
            home=Path.home(),
            environment=os.environ,
            variables=os.environ,
            calls=options.call,
        )
    )
    findings = {heading: [one for check in checks for one in run(check, around)] for heading, checks in CHECKS.items()}
    findings["Models"] = [*found, *findings["Models"]]
    bad = any(one.level == "problem" for some in findings.values() for one in some)
    if options.json:
        print(json.dumps([{"group": heading, **asdict(one)} for heading, some in findings.items() for one in some]))
    else:
        print(report(findings, coloured=sys.stdout.isatty()))
    return int(bad)


def run(check: Callable[[Surroundings], Iterator[Finding]], around: Surroundings) -> Iterator[Finding]:
    """What a check finds; where it fails itself, the others go on."""
    try:
        yield from check(around)
    except Exception as error:
        name = check.__name__.removeprefix("check_")
        yield problem(f"the check of {name} failed: {type(error).__name__}", "look at the values of what it reads")


def report(findings: Mapping[str, Sequence[Finding]], *, coloured: bool) -> str:
    """For a person: each finding on a line, with what to do beneath."""
    lines: list[str] = []
    for heading, some in findings.items():
        lines += ["", heading] if some else []
        for one in some:
            sign = f"{SIGNS[one.level]:>8}"
            lines.append(f"{_coloured(sign, one.level) if coloured else sign}  {one.said}")
            if one.remedy:
                lines.append(f"{'':8}  → {one.remedy}")
    counts = {level: sum(one.level == level for some in findings.values() for one in some) for level in SIGNS}
    lines += ["", f"{_number(counts['problem'], 'problem')}, {_number(counts['warning'], 'warning')}"]
    return "\n".join(lines[1:])


def _number(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _coloured(text: str, level: str) -> str:
    return f"\x1b[{_COLOURS[level]}m{text}\x1b[0m"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
