"""The folders of exchanges, on the disk and in object storage."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from webui.blob_folders import BlobFolders, day_of
from webui.blobs import BlobReader, BlobWriter
from webui.records import BlobKey, ExchangeIds

NOW = 1_700_000_000.0  # 2023-11-14 in UTC
DAY = 86400.0


@pytest.fixture(params=["folder", "file-url", "storage"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    match request.param:
        case "folder":
            yield str(tmp_path / "50% [x]*?#" / "blobs")
        case "file-url":
            yield f"file://{tmp_path}/a%20b/blobs"
        case _:
            root = f"/folders-{uuid.uuid4().hex}"  # all tests share the one memory
            yield f"memory:/{root}/blobs"
            if fsspec.filesystem("memory").exists(root):
                fsspec.filesystem("memory").rm(root, recursive=True)


def write(location: str, moment: float, *sizes: int) -> str:
    """An exchange with bodies that cannot be compressed. Returns its id."""
    exchange_id = ExchangeIds().make(moment)
    writer = BlobWriter(location)
    for attempt, size in enumerate(sizes):
        key = BlobKey(exchange_id, attempt, "client_request" if attempt == 0 else "upstream_request")
        writer.append(key, bytes(range(256)) * (size // 256))
        writer.close(key)
    writer.shut()
    return exchange_id


def test_days_and_exchanges_are_found_oldest_first(location: str) -> None:
    ids = [write(location, moment, 512) for moment in (NOW, NOW + 1, NOW + DAY, NOW + 400 * DAY)]
    folders = BlobFolders(location)
    assert folders.days() == ["2023/11/14", "2023/11/15", "2024/12/18"]
    assert [[name for name, _ in folders.exchanges(day)] for day in folders.days()] == [ids[:2], ids[2:3], ids[3:]]


def test_what_is_removed_is_gone_and_was_measured(location: str) -> None:
    writer = BlobWriter(location)
    kept, gone = write(location, NOW, 512), ExchangeIds().make(NOW)
    for kind in ("client_request", "client_response"):
        writer.append(BlobKey(gone, 0, kind), b"0123456789")
        writer.close(BlobKey(gone, 0, kind))
    folders = BlobFolders(location)
    size = dict(folders.exchanges(day_of(NOW)))[gone]
    assert size == writer.written
    assert folders.remove(gone) == size
    assert [name for name, _ in folders.exchanges(day_of(NOW))] == [kept]
    blob = BlobReader(location).read(BlobKey(kept, 0, "client_request"))
    assert blob is not None
    assert b"".join(blob) == bytes(range(256)) * 2
    assert folders.remove(gone) == 0  # again is harmless
    folders.remove_empty(day_of(NOW))  # it is not
    assert [name for name, _ in folders.exchanges(day_of(NOW))] == [kept]


def test_where_nothing_is_nothing_is_found(location: str) -> None:
    folders = BlobFolders(location)
    assert folders.days() == []
    assert list(folders.exchanges(day_of(NOW))) == []
    assert folders.remove(ExchangeIds().make(NOW)) == 0
    folders.remove_empty(day_of(NOW))


def test_what_is_not_ours_is_not_seen(tmp_path: Path) -> None:
    exchange_id = write(str(tmp_path), NOW, 512)
    for path in ("notes/x", "2023/notes/x", "2023/11/14/notes/x", "2023/11/x", "2023/11/14/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("mine")
    folders = BlobFolders(str(tmp_path))
    assert folders.days() == ["2023/11/14"]
    assert [name for name, _ in folders.exchanges("2023/11/14")] == [exchange_id]


def test_names_cannot_leave_the_root(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exchange id"):
        BlobFolders(str(tmp_path)).remove("../../x")


def test_empty_folders_go_up_to_the_year(tmp_path: Path) -> None:
    first, second = write(str(tmp_path), NOW, 512), write(str(tmp_path), NOW + DAY, 512)
    folders = BlobFolders(str(tmp_path))
    folders.remove(first)
    folders.remove_empty(day_of(NOW))
    folders.remove_empty(day_of(NOW + DAY))  # it is not empty
    assert folders.days() == ["2023/11/15"]
    folders.remove(second)
    folders.remove_empty(day_of(NOW + DAY))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_removed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange_id = write(str(tmp_path), NOW, 512)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(PermissionError, match="not yours"):
        BlobFolders(str(tmp_path)).remove(exchange_id)


def test_a_location_without_a_driver_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere:// cannot be used"):
        BlobFolders("nowhere://user:secret@bucket")
