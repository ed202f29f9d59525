from transforms.dialects.envelope import Envelope


def test_usage_is_sent_apart_only_where_it_was_asked_for() -> None:
    assert not Envelope("chatcmpl-1", "kimi", 1763900000).include_usage
