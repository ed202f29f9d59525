import pytest

from addons.mask import Mask

SECRETS = [b"client-key-12345", b"client-key-12345-and-more", b"a/b+c=d&e0123"]


def test_secrets_are_masked_and_sizes_stay_true() -> None:
    mask = Mask(SECRETS)
    data = b"x client-key-12345-and-more y client-key-12345 z"
    assert mask.clean(data) == b"x [hidden]***************** y [hidden]******** z"


@pytest.mark.parametrize("spelling", [b"a/b+c=d&e0123", rb"a\/b+c=d&e0123", b"a%2Fb%2Bc%3Dd%26e0123"])
def test_secrets_in_the_spellings_of_json_and_urls(spelling: bytes) -> None:
    assert b"e0123" not in Mask(SECRETS).clean(b"<" + spelling + b">")


@pytest.mark.parametrize("size", range(1, 40))
def test_a_secret_cut_anywhere_is_masked(size: int) -> None:
    mask = Mask(SECRETS)
    data = b"".join(b"%b client-key-12345-%b " % (secret, secret) for secret in SECRETS) * 2
    clean, rest = b"", b""
    for start in range(0, len(data), size):
        piece, rest = mask.feed(rest + data[start : start + size])
        clean += piece
        assert len(rest) < 64
    assert clean + mask.clean(rest) == mask.clean(data)
    assert not any(secret in clean for secret in SECRETS)


def test_without_secrets_nothing_is_held() -> None:
    assert Mask([]).feed(b"data") == (b"data", b"")
    assert Mask([]).clean(b"data") == b"data"


def test_a_text_is_cut_behind_the_mask_and_fit_for_the_database() -> None:
    mask = Mask([b"client-key-12345"])
    assert mask.text("ab client-key-12345", 10) == "ab [hidden"
    assert mask.text("lone \udc80", 10) == "lone ?"
