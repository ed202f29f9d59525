from transforms.providers.openai import OPENAI


def test_a_body_is_left_alone() -> None:
    body = {"model": "kimi", "provider": {"order": ["a"]}}
    assert OPENAI.prepare(body, {"order": ["b"]}) == {"model": "kimi", "provider": {"order": ["a"]}}


def test_no_header_tells_of_the_proxy() -> None:
    assert not OPENAI.headers
