"""The rules of the house that a machine can see: which way imports go, names that mitmproxy trips over, and
that the tests mirror the packages."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("addons", "transforms", "config", "webui")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LINES = 400

# Who may import what. `addons` may import all of them; of `webui` only what needs no Flask.
ALLOWED = {
    "addons": {"addons", "transforms", "config", "webui"},
    "transforms": {"transforms"},
    "config": {"config"},
    "webui": {"webui"},
}
# Pure packages: what would give a module a clock, chance, files, the network or the environment.
IMPURE = {"os", "time", "random", "secrets", "socket", "asyncio", "threading", "subprocess", "pathlib", "logging"}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def _identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_identify)
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    heads = {name.partition(".")[0] for name in _imports(path)}
    assert heads & set(PACKAGES) <= ALLOWED[package]
    if package != "addons":
        assert "mitmproxy" not in heads, "only addons/ knows mitmproxy"
    if package == "transforms":
        assert not heads & IMPURE, "transforms/ is pure"


def test_addons_never_load_flask() -> None:
    wanted = {name for path in MODULES if path.parent.name == "addons" for name in _imports(path)}
    assert {name for name in wanted if name.startswith("webui")} <= {"webui.store", "webui.records"}


def test_addon_names_shadow_nothing() -> None:
    # The script's folder stays first on sys.path for ever.
    taken = set(sys.stdlib_module_names) | set(packages_distributions()) | set(PACKAGES)
    mine = {path.stem for path in (ROOT / "addons").glob("*.py")} - {"__init__"}
    assert not mine & taken


def test_the_script_holds_imports_of_classes_and_the_list() -> None:
    tree = ast.parse((ROOT / "addons" / "kimi.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            # A lower-case name could be one of mitmproxy's hooks, and would be called as one.
            assert all(alias.name[0].isupper() for alias in node.names)
        else:
            assert isinstance(node, ast.Assign | ast.Expr), f"line {node.lineno}: {type(node).__name__}"


def test_no_package_under_tests() -> None:
    # tests/config/__init__.py would be imported as `config`.
    assert not list((ROOT / "tests").rglob("__init__.py"))


def _mirrored(path: Path) -> Path:
    inside = path.relative_to(ROOT)
    return ROOT / "tests" / inside.parent / f"test_{inside.stem}.py"


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "__init__"], ids=_identify)
def test_every_module_has_its_test(path: Path) -> None:
    assert _mirrored(path).is_file(), f"{_mirrored(path).relative_to(ROOT)} is missing"


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "__init__"], ids=_identify)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=_identify)
def test_files_have_one_subject(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES
