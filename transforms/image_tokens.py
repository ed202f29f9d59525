"""How many tokens an image costs in a prompt, from its width and height where its first bytes tell them.

Anthropic documents width * height / 750, and scales larger images down until they cost about 1,600; OpenAI's
tiles and Kimi's patches come to 1,000 to 1,600 for a usual screenshot as well. Whatever the size, an image is
never free, and is never counted by the length of its base64.
"""

import base64

USUAL = 1_300  # tokens of an image whose size is not known: behind a url, or in another format
_LEAST, _MOST = 50, 1_600
_PIXELS_PER_TOKEN = 750
_HEAD = 87_380  # characters of base64 that are read: 64 KB, in which a JPEG's size stands behind its metadata

_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of a frame; the three are tables


def image_tokens(url: str) -> int:
    """`url` is the image's address, or a `data:` url that holds it."""
    size = _size(_first_bytes(url))
    if size is None:
        return USUAL
    width, height = size
    return min(max(width * height // _PIXELS_PER_TOKEN, _LEAST), _MOST)


def _first_bytes(url: str) -> bytes:
    """What can be read of an image within the url; nothing of any other."""
    head, comma, data = url[: _HEAD + 100].partition(",")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        return b""
    data = data[: min(len(data), _HEAD) // 4 * 4]
    try:
        return base64.b64decode(data)
    except ValueError:
        return b""


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None where the bytes do not tell. Sources: the PNG, GIF89a, JPEG (T.81) and
    WebP container specifications."""
    size: tuple[int, int] | None = None
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        size = _number(data[16:20]), _number(data[20:24])
    elif data.startswith((b"GIF87a", b"GIF89a")):
        size = _little(data[6:8]), _little(data[8:10])
    elif data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        size = _webp_size(data)
    return size if size and size[0] and size[1] else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        if data[position + 1] in _JPEG_SIZES:
            return _number(data[position + 7 : position + 9]), _number(data[position + 5 : position + 7])
        position += 2 + _number(data[position + 2 : position + 4])
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    match data[12:16]:
        case b"VP8X":
            return _little(data[24:27]) + 1, _little(data[27:30]) + 1
        case b"VP8L":
            bits = _little(data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
