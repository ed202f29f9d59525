"""What is read from files and variables, and the watch over the file."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import ConfigFile, load, read_environment
from config.schema import Settings, SettingsError

KEY = {"OPENAI_API_KEY": "horse-staple"}


def document(name: str) -> str:
    return f"models: [{{name: {name}, provider: openai}}]\n"


def read(directory: Path, environment: dict[str, str] = KEY, config_path: str | None = None) -> Settings:
    return load(
        environment,
        directory=directory,
        providers=("openai",),
        families=("kimi",),
        vendors=("generic",),
        config_path=config_path,
    )


def names(settings: Settings) -> list[str]:
    return [route.name for route in settings.routes]


def problems(directory: Path, environment: dict[str, str] = KEY, config_path: str | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(directory, environment, config_path)
    return [str(problem) for problem in caught.value.problems]


def problems_of_text(directory: Path, text: str) -> list[str]:
    return problems(directory, KEY | {"MODEL_CONFIG": text})


# .env


def test_the_env_file_stands_under_the_real_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('A=1\nexport B="two words" # comment\n# C=3\nD=\nE\nF=$A\n', encoding="utf-8-sig")
    assert read_environment(tmp_path, {"A": "real", "G": "7"}) == {
        "A": "real",
        "B": "two words",
        "D": "",
        "F": "$A",
        "G": "7",
    }


def test_there_need_be_no_env_file(tmp_path: Path) -> None:
    assert read_environment(tmp_path, {"A": "1"}) == {"A": "1"}


def test_an_inline_configuration_may_stand_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('MODEL_CONFIG="models:\\n  - {name: a, provider: openai}"\n')
    assert names(read(tmp_path, KEY | read_environment(tmp_path, {}))) == ["a"]


def test_a_broken_line_of_the_env_file_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n\n\n  'horse staple\nB=2\n=x\n")
    with pytest.raises(SettingsError) as caught:
        read_environment(tmp_path, {})
    assert str(caught.value) == ".env:4: the line is not NAME=value\n.env:6: the line is not NAME=value"


def test_an_env_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(SettingsError, match=r"^\.env: .* is not a readable file: it is not UTF-8$"):
        read_environment(tmp_path, {})


# Which configuration


def test_the_order_of_the_places(tmp_path: Path) -> None:
    for name in ("model-config.yaml", "variable.yaml", "option.yaml"):
        (tmp_path / name).write_text(document(name.removesuffix(".yaml")))
    variable = KEY | {"MODEL_CONFIG_PATH": "variable.yaml"}
    inline = variable | {"MODEL_CONFIG": document("inline")}
    assert names(read(tmp_path)) == ["model-config"]
    assert names(read(tmp_path, KEY | {"MODEL_CONFIG_PATH": " ", "MODEL_CONFIG": " \n"})) == ["model-config"]
    assert names(read(tmp_path, variable)) == ["variable"]
    assert names(read(tmp_path, variable, "option.yaml")) == ["option"]
    assert names(read(tmp_path, variable, str(tmp_path / "option.yaml"))) == ["option"]
    assert names(read(tmp_path, inline, "option.yaml")) == ["inline"]


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.yaml").write_text(document("home"))
    assert names(read(tmp_path / "elsewhere", config_path="~/own.yaml")) == ["home"]


@pytest.mark.parametrize("path", ["missing.yaml", "~no-such-user/x.yaml"])
def test_a_missing_file_is_reported_with_the_setting_that_names_it(tmp_path: Path, path: str) -> None:
    shown = repr(str(tmp_path / path))
    expected = f"{shown} is not a readable file: No such file or directory"
    assert problems(tmp_path, KEY, path) == [f"kimi_config: {expected}"]
    assert problems(tmp_path, KEY | {"MODEL_CONFIG_PATH": path}) == [f"MODEL_CONFIG_PATH: {expected}"]


def test_what_is_no_text_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "model-config.yaml").write_bytes(b"\xff\xfe")
    assert problems(tmp_path)[0].endswith("is not a readable file: it is not UTF-8")
    assert problems(tmp_path, KEY, ".")[0].endswith("is not a readable file: Is a directory")


def test_the_environments_problems_come_with_an_unreadable_file(tmp_path: Path) -> None:
    found = problems(tmp_path, KEY | {"LIVESTORE_BATCH": "0"})
    assert [problem.partition(":")[0] for problem in found] == ["MODEL_CONFIG_PATH", "LIVESTORE_BATCH"]


def test_a_file_with_windows_line_ends_and_a_mark_is_read(tmp_path: Path) -> None:
    text = "models:\r\n  - name: a\r\n    provider: openai\r\n"
    (tmp_path / "model-config.yaml").write_bytes(text.encode("utf-8-sig"))
    assert names(read(tmp_path)) == ["a"]


# YAML


def test_broken_yaml_is_reported_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "model-config.yaml").write_text("models:\n  - name: a\n   provider: b\n")
    assert problems(tmp_path) == [
        (
            "model-config.yaml:3:4: the text is not YAML:"
            " while parsing a block collection expected <block end>, but found '<block mapping start>'"
        )
    ]


def test_a_key_that_stands_twice_is_reported(tmp_path: Path) -> None:
    text = "models:\n  - name: a\n    provider: openai\n    name: b\n"
    assert problems_of_text(tmp_path, text) == ["MODEL_CONFIG:4:5: the text is not YAML: this key stands twice"]


def test_merge_keys_may_bring_a_key_that_is_there(tmp_path: Path) -> None:
    text = """
models:
  - {name: a, provider: openai, provider_config: &one {body: {x: 1}, headers: {}}}
  - {name: b, provider: openai, provider_config: &two {<<: *one, body: {x: 2}}}
  - {name: c, provider: openai, provider_config: {<<: *two, body: {x: 3}}}
"""
    routes = read(tmp_path, KEY | {"MODEL_CONFIG": text}).routes
    assert [route.body for route in routes] == [{"x": 1}, {"x": 2}, {"x": 3}]


def test_keys_that_are_no_scalars_are_reported(tmp_path: Path) -> None:
    for key in ("[a]", "{a: 1}"):
        text = f"? {key}\n: 1\n" + document("a")
        assert problems_of_text(tmp_path, text)[0].startswith("MODEL_CONFIG:1:3: the text is not YAML: ")


@pytest.mark.parametrize(
    "text",
    [
        "key: !horse x",
        "key: *horse",
        "key: 'horse",
        'key: "horse\\q"',
        "key: @horse",
        "key: !!int horse",
        "key: !!timestamp horse",
        "- horse\nhorse: x",
        "key: horse\x00",
        "key: &horse\n&horse x",
    ],
)
def test_an_error_of_yaml_shows_nothing_of_the_file(tmp_path: Path, text: str) -> None:
    found = problems_of_text(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith("MODEL_CONFIG:")
    assert "horse" not in found[0]


def test_a_sign_that_yaml_does_not_know_is_reported(tmp_path: Path) -> None:
    assert problems_of_text(tmp_path, "a: 1\nb: x\x07") == ["MODEL_CONFIG:2:5: this sign is not one that YAML allows"]


@pytest.mark.parametrize("text", ["a: " + "1" * 5000, "a: 2026-13-45", "a: !!bool x", "a: !!int ''", "[" * 5000])
def test_what_yaml_stumbles_over_is_reported(tmp_path: Path, text: str) -> None:
    assert problems_of_text(tmp_path, text)[0].startswith("MODEL_CONFIG: the text is not YAML that can be read: ")


def test_several_documents_are_reported(tmp_path: Path) -> None:
    assert problems_of_text(tmp_path, "---\na: 1\n---\nb: 2\n")[0].startswith("MODEL_CONFIG:3:1: the text is not")


@settings(max_examples=200)
@given(st.text() | st.text("a:-[]{}&*!<>|'\"#%@` \n\t0\u2028", max_size=30))
def test_any_text_gives_settings_or_problems(text: str) -> None:
    try:
        read(Path("/nonexistent"), {"MODEL_CONFIG": text})
    except SettingsError as error:
        assert all(problem.path for problem in error.problems)


# The watch


def test_an_inline_configuration_has_no_file(tmp_path: Path) -> None:
    assert ConfigFile.of({"MODEL_CONFIG": "x"}, directory=tmp_path) is None


def test_the_watched_file_is_the_one_that_is_read(tmp_path: Path) -> None:
    default = ConfigFile.of({}, directory=tmp_path)
    named = ConfigFile.of({"MODEL_CONFIG_PATH": "a.yaml"}, directory=tmp_path)
    option = ConfigFile.of({"MODEL_CONFIG_PATH": "a.yaml"}, directory=tmp_path, config_path="b.yaml")
    paths = [file.path.name for file in (default, named, option) if file]
    assert paths == ["model-config.yaml", "a.yaml", "b.yaml"]


def test_each_change_is_seen_once(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("one")
    file = ConfigFile(path)
    assert not file.changed()
    path.write_text("three")
    assert file.changed()
    assert not file.changed()


def test_a_change_that_keeps_the_size_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("one")
    file = ConfigFile(path)
    path.write_text("two")
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000_000))
    assert file.changed()


def test_a_replaced_file_is_seen_even_with_the_same_size_and_time(tmp_path: Path) -> None:
    path, other = tmp_path / "x.yaml", tmp_path / "x.new"
    path.write_text("one")
    file = ConfigFile(path)
    seen = path.stat()
    other.write_text("two")
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(path)
    assert file.changed()
    assert not file.changed()


def test_a_link_that_points_elsewhere_is_seen(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "x.yaml"
    link.symlink_to("one")
    file = ConfigFile(link)
    link.unlink()
    link.symlink_to("two")
    assert file.changed()


def test_a_file_that_is_away_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("one")
    file = ConfigFile(path)
    path.unlink()
    assert not file.changed()
    path.write_text("three")
    assert file.changed()


def test_a_file_that_is_made_later(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "x.yaml")
    assert not file.changed()
    file.path.write_text("one")
    assert file.changed()
