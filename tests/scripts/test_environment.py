"""scripts/environment with Pythons that only write down what they are asked to do."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TOOLS = ("bash", "cat", "cp", "dirname", "env", "mkdir", "rm", "sed", "sleep")

# Answers as a Python of that name would: usable or not, making environments, running pip. Real work, such
# as taking the lock, is done by the Python that runs the tests; the hash of the place carries the name.
FAKE = """#!/usr/bin/env bash
case "$*" in
*"import sys, venv, ensurepip"*) exit {refusal} ;;
*"-m venv --clear"*)
    echo "venv {name}" >>"{log}"
    mkdir -p "${{@: -1}}/bin"
    cp "$0" "${{@: -1}}/bin/python"
    ;;
*"-m pip"*)
    sleep {pause}
    echo "pip ${{@: -1}} in $PWD" >>"{log}"
    if [ -n "${{PIP_FAILS:-}}" ]; then echo "no such package" >&2; exit 1; fi
    ;;
*hashlib*) "{real}" "$@" | sed 's/^/{name}-/' ;;
*) exec "{real}" "$@" ;;
esac
"""


@dataclass
class Machine:
    """A home, a PATH of its own, and a checkout in a folder with a blank in its name."""

    root: Path

    @property
    def checkout(self) -> Path:
        return self.root / "a checkout"

    @property
    def log(self) -> list[str]:
        file = self.root / "log"
        return file.read_text().splitlines() if file.exists() else []

    def python(self, name: str, folder: str = "bin", usable: bool = True, pause: float = 0) -> Path:
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = FAKE.format(
            name=name.replace(".", "_") if folder == "bin" else folder.replace("/", "_").replace(".", "_"),
            refusal=0 if usable else 1,
            log=self.root / "log",
            real=sys.executable,
            pause=pause,
        )
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, kind: str = "run", **environment: str) -> subprocess.Popen[str]:
        variables = {"PATH": str(self.root / "bin"), "HOME": str(self.root), **environment}
        code = '. "$0/scripts/environment"; set_up "$1"'
        return subprocess.Popen(
            [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", code, str(self.checkout), kind],
            cwd=self.root,
            env=variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def set_up(self, kind: str = "run", **environment: str) -> tuple[int, str]:
        """Exit code and what was said on stderr."""
        process = self.start(kind, **environment)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    (machine.checkout / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / "environment", machine.checkout / "scripts")
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    (machine.checkout / "constraints.txt").write_text("one==1\n")
    return machine


def test_the_variable_python_comes_first(machine: Machine) -> None:
    machine.python("python3.13")
    mine = machine.python("mine", "elsewhere")
    assert machine.set_up(PYTHON=str(mine))[0] == 0
    assert machine.log[0] == "venv elsewhere"


def test_an_unusable_variable_is_named_and_the_search_goes_on(machine: Machine) -> None:
    machine.python("python3.13")
    old = machine.python("old", "elsewhere", usable=False)
    code, errors = machine.set_up(PYTHON=str(old))
    assert code == 0
    assert f"PYTHON={old}" in errors
    assert machine.log[0] == "venv python3_13"


@pytest.mark.parametrize("name", ["python3.13", "python3.12", "python3", "python", "python3.14"])
def test_names_on_the_path_are_asked_for_their_version(machine: Machine, name: str) -> None:
    for other in ("python3.13", "python3.12", "python3", "python", "python3.14"):
        machine.python(other, usable=other == name)
    assert machine.set_up()[0] == 0
    assert machine.log[0] == "venv " + name.replace(".", "_")


def test_pyenv_is_searched_behind_the_path(machine: Machine) -> None:
    machine.python("python3", usable=False)
    machine.python("python", ".pyenv/versions/3.9/bin", usable=False)
    machine.python("python", ".pyenv/versions/3.12.1/bin")
    assert machine.set_up()[0] == 0
    assert machine.log[0] == "venv _pyenv_versions_3_12_1_bin"


def test_pyenv_may_live_elsewhere(machine: Machine) -> None:
    machine.python("python", "pyenv root/versions/3.13.0/bin")
    assert machine.set_up(PYENV_ROOT=str(machine.root / "pyenv root"))[0] == 0
    assert machine.log[0].startswith("venv pyenv root")


def test_uv_is_asked_last(machine: Machine) -> None:
    found = machine.python("python3.12", "from-uv")
    uv = machine.root / "bin" / "uv"
    uv.write_text(f'#!/usr/bin/env bash\n[ "$*" = "python find >=3.12" ] && echo "{found}"\n')
    uv.chmod(0o755)
    assert machine.set_up()[0] == 0
    assert machine.log[0] == "venv from-uv"


def test_without_a_python_two_lines_say_what_to_install(machine: Machine) -> None:
    machine.python("python3", usable=False)
    code, errors = machine.set_up()
    assert code == 1
    first, second = errors.splitlines()
    assert "3.12" in first
    assert "Install" in second
    assert not (machine.checkout / ".venv").exists()


def test_the_second_time_nothing_is_done(machine: Machine) -> None:
    machine.python("python3")
    code, errors = machine.set_up()
    assert code == 0
    assert "Setting up" in errors
    assert machine.set_up() == (0, "")
    assert machine.log == ["venv python3", f"pip . in {machine.checkout}"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_installs_into_what_is_there(machine: Machine, name: str) -> None:
    machine.python("python3")
    machine.set_up()
    (machine.checkout / name).write_text("changed\n")
    assert machine.set_up()[0] == 0
    assert [line.split()[0] for line in machine.log] == ["venv", "pip", "pip"]
    assert machine.set_up() == (0, "")


def test_another_python_makes_it_anew(machine: Machine) -> None:
    machine.python("python3")
    machine.set_up()
    mine = machine.python("mine", "elsewhere")
    machine.set_up(PYTHON=str(mine))
    assert machine.log[2] == "venv elsewhere"
    assert machine.set_up(PYTHON=str(mine)) == (0, "")


def test_a_moved_checkout_is_set_up_anew(machine: Machine) -> None:
    machine.python("python3")
    machine.set_up()
    moved = Machine(machine.root / "moved")
    shutil.copytree(machine.root / "bin", moved.root / "bin", symlinks=True)
    shutil.move(machine.checkout, moved.checkout)
    assert moved.set_up()[0] == 0
    assert machine.log[2] == "venv python3"


def test_a_development_environment_serves_and_stays_one(machine: Machine) -> None:
    machine.python("python3")
    machine.set_up("run")
    machine.set_up("dev")
    assert machine.log[-1].startswith("pip .[dev]")
    assert machine.set_up("run") == (0, "")
    (machine.checkout / "constraints.txt").write_text("changed\n")
    machine.set_up("run")
    assert machine.log[-1].startswith("pip .[dev]")


def test_an_interrupted_environment_is_made_anew(machine: Machine) -> None:
    machine.python("python3", pause=30)
    process = machine.start()
    stamp = machine.checkout / ".venv" / "kimi-proxy.stamp"
    while machine.log != ["venv python3"]:
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not stamp.exists()
    machine.python("python3")
    assert machine.set_up()[0] == 0
    assert [line.split()[0] for line in machine.log] == ["venv", "venv", "pip"]
    assert stamp.exists()


def test_what_pip_says_is_shown_when_it_fails(machine: Machine) -> None:
    machine.python("python3")
    code, errors = machine.set_up(PIP_FAILS="1")
    assert code == 1
    assert "no such package" in errors
    assert machine.set_up()[0] == 0


def test_two_at_once_do_the_work_once(machine: Machine) -> None:
    machine.python("python3", pause=0.5)
    processes = [machine.start() for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert [line.split()[0] for line in machine.log] == ["venv", "pip"]


def test_the_project_s_scripts_can_be_run() -> None:
    for name in ("run", "test", "check", "fix", "with-proxy", "record", "simulator"):
        assert os.access(SCRIPTS / name, os.X_OK), name
        assert (SCRIPTS / name).read_text().startswith("#!/usr/bin/env bash\n"), name
