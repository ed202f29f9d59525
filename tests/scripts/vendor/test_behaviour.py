import pytest

from scripts.vendor.behaviour import ALIASES, FAMILIES, Behaviour, read_behaviour, read_time


def test_a_plain_name_asks_for_nothing() -> None:
    assert read_behaviour("kimi-k2-thinking") == Behaviour()


def test_the_name_and_the_header_ask_for_the_same_things() -> None:
    expected = Behaviour("orphan-think", {"cut": "random:7", "delay": "20ms", "no-done": ""})
    assert read_behaviour("kimi+orphan-think+cut=random:7+delay=20ms+no-done") == expected
    assert read_behaviour("kimi", "orphan-think, cut=random:7, delay=20ms, no-done") == expected


def test_numbers_continue_a_list() -> None:
    for behaviour in (read_behaviour("kimi+cut=5,17+gzip"), read_behaviour("kimi", "cut=5, 17, gzip")):
        assert behaviour.words == {"cut": "5,17", "gzip": ""}


def test_the_header_has_the_last_word() -> None:
    behaviour = read_behaviour("kimi+clean+delay=1s", "finish-missing,delay=5ms")
    assert behaviour.family == "finish-missing"
    assert behaviour.seconds("delay") == 0.005


@pytest.mark.parametrize("word", [*FAMILIES, *ALIASES, "error-429", "error-html-502", "error-empty-500"])
def test_every_word_is_understood(word: str) -> None:
    assert read_behaviour(f"kimi+{word}") != Behaviour()


@pytest.mark.parametrize(
    "word",
    [
        *("makers-in-content", "cut", "cut=", "cut=a", "delay=fast", "first-after=soon", "reminders", "reminders=two"),
        *("status=ok", "error-700", "error-shape=acme", "gzip=1"),
    ],
)
def test_what_is_not_understood_is_named(word: str) -> None:
    with pytest.raises(ValueError, match=word):
        read_behaviour(f"kimi+{word}")


@pytest.mark.parametrize(
    ("words", "reminders"),
    [
        ("clean", 0),
        ("no-tool-call-first", 1),
        ("no-tool-call-first+reminders=2", 2),
        ("done+reminders=3", 3),
        ("reminders=0", 0),
    ],
)
def test_reminders_that_help(words: str, reminders: int) -> None:
    assert read_behaviour(f"kimi+{words}").reminders == reminders


def test_numbers_and_times() -> None:
    behaviour = read_behaviour("kimi+status=503+stall=1.5s")
    assert behaviour.number("status") == 503
    assert behaviour.number("delta") is None
    assert behaviour.seconds("stall") == 1.5
    assert behaviour.seconds("delay") == 0
    assert read_time("250") == 0.25
    with pytest.raises(ValueError, match="soon"):
        read_time("soon")
