"""Installs a client into a folder of its own, once; anew when its versions have changed. Git ignores the folder."""

import json
import subprocess
import sys
from pathlib import Path

from tests.clients.programs import Client

PROGRAMS = Path(__file__).parents[2] / ".clients"
_STAMP = "kimi-proxy.stamp"
_TIME = 900.0  # seconds


def install(name: str, client: Client) -> Path:
    """The client's folder. Raises RuntimeError with what the installer said."""
    folder = PROGRAMS / name
    stamp = folder / _STAMP
    wanted = "\n".join(client.packages)
    if stamp.is_file() and stamp.read_text() == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    print(f"Installing {', '.join(client.packages)}; this takes a minute, once.", file=sys.__stderr__, flush=True)
    for command in _pip(folder, client) if client.pip else _npm(folder, client):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIME, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)
    return folder


def _npm(folder: Path, client: Client) -> list[list[str]]:
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    options = ["--no-package-lock", "--no-audit", "--no-fund", "--save-exact"]
    return [["npm", "install", *options, *client.packages]]


def _pip(folder: Path, client: Client) -> list[list[str]]:
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*install, *client.packages],
    ]
