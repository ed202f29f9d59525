"""Tokens of images, by the sizes in their first bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.image_tokens import USUAL, image_tokens


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\2\0\0\0"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\xf7\0\0"


def jpeg(width: int, height: int, before: bytes = b"", frame: int = 0xC0) -> bytes:
    head = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + before
    frame_size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return head + b"\xff" + bytes([frame]) + b"\0\x11\x08" + frame_size + b"\3\1\x22\0"


def segment(marker: int, length: int) -> bytes:
    return b"\xff" + bytes([marker]) + length.to_bytes(2, "big") + b"\xff" * (length - 2)


def webp(chunk: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + chunk + b"\0" * 8


def extended(width: int, height: int) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X\x0a\0\0\0\x10\0\0\0" + sizes)


def lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L\0\0\0\0\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little"))


def lossy(width: int, height: int) -> bytes:
    sizes = (width | 1 << 14).to_bytes(2, "little") + height.to_bytes(2, "little")  # the upper bits: scaling
    return webp(b"VP8 \0\0\0\0\x30\1\0\x9d\1\x2a" + sizes)


FORMATS = [
    png,
    gif,
    jpeg,
    lambda width, height: jpeg(width, height, segment(0xE1, 40_000) + segment(0xC4, 30)),
    lambda width, height: jpeg(width, height, frame=0xC2),
    extended,
    lossless,
    lossy,
]


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(1000, 750, 1000), (750, 300, 300), (300, 750, 300), (1, 1, 50), (1568, 1568, 1600), (16_000, 16_000, 1600)],
)
def test_every_format_tells_its_size(make: object, width: int, height: int, tokens: int) -> None:
    data = make(width, height)
    assert image_tokens(url(data)) == tokens
    assert image_tokens(url(data + b"\0" * 500_000)) == tokens, "the rest is not looked at"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://example.com/a.png",
        "data:",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,A",
        "data:image/png;base64,AAA!",
        "data:image/png;base64,éééé",
        "data:image/png;base64,====",
        "data:image/svg+xml,<svg/>",
        "image/png;base64," + url(png(1000, 750)).partition(",")[2],
        url(b"BM" + b"\0" * 40, "image/bmp"),
        url(png(0, 750)),
        url(png(1000, 750)[:18]),
        url(gif(1000, 0)),
        url(b"\xff\xd8"),
        url(b"\xff\xd8\0\0" * 20),
        url(b"\xff\xd8" + segment(0xE1, 60_000) + segment(0xE1, 60_000) + jpeg(1000, 750)[2:]),
        url(webp(b"ABCD" * 4)),
        url(b"RIFF\0\0\0\0WAVEfmt " + b"\1" * 30),
    ],
)
def test_what_does_not_tell_costs_what_is_usual(address: str) -> None:
    assert image_tokens(address) == USUAL


def test_the_head_of_the_url_may_be_in_capitals_and_have_parameters() -> None:
    head, _, data = url(png(1000, 750)).partition(",")
    assert image_tokens(f"{head.upper()},{data}") == 1000
    assert image_tokens(f"data:image/png;name=a.png;base64,{data}") == 1000


STARTS = st.sampled_from(
    [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b"\xff\xd8\xff\xe0\0\0"]
)


@given(STARTS, st.binary(max_size=60))
def test_any_bytes(start: bytes, rest: bytes) -> None:
    assert 50 <= image_tokens(url(start + rest)) <= 1600
