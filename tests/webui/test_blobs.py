import errno
import os
import shutil
import stat
from io import FileIO
from pathlib import Path

import fsspec
import pytest
import zstandard

from webui.blobs import FRAME, BlobReader, BlobWriter, blob_name, make_folder
from webui.records import BlobKey, ExchangeIds

ID = ExchangeIds().make(1_700_000_000.0)  # 2023-11-14 in UTC
KEY = BlobKey(ID, 1, "upstream_response")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "blobs"


def read(root: Path | str, key: BlobKey = KEY) -> tuple[bool, bytes]:
    blob = BlobReader(str(root)).read(key)
    assert blob is not None
    return blob.complete, b"".join(blob)


def test_pieces_become_one_file_under_day_and_id(root: Path) -> None:
    writer = BlobWriter(str(root))
    for piece in (b"one ", b"two ", b"\xff\x00three"):
        writer.append(KEY, piece)
    assert writer.size(KEY) == 15
    writer.close(KEY)
    assert writer.size(KEY) == 0
    path = root / "2023" / "11" / "14" / ID / "attempt-1.upstream_response.zst"
    assert [found for found in root.rglob("*") if found.is_file()] == [path]
    assert read(root) == (True, b"one two \xff\x00three")


def test_an_ordinary_zstd_program_can_read_it(root: Path) -> None:
    writer = BlobWriter(f"file://{root}")
    writer.append(KEY, b"a" * 100_000)
    writer.append(KEY, b"b" * 100_000)
    writer.close(KEY)
    with zstandard.open(root / blob_name(KEY), "rb") as file:
        assert file.read(100_001)[-2:] == b"aa"
    assert read(root) == (True, b"a" * 100_000 + b"b" * 100_000)
    assert (root / blob_name(KEY)).stat().st_size < 1000


def test_only_the_owner_may_look(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"secret")
    file = root / f"{blob_name(KEY)}.part"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    writer.close(KEY)
    for path in [root.parent, root, *root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_an_existing_folder_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "inner")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_an_open_body_is_recognised_and_read_as_far_as_it_goes(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"first ")
    assert read(root) == (False, b"first ")
    writer.append(KEY, b"second")
    part = root / f"{blob_name(KEY)}.part"
    part.write_bytes(part.read_bytes()[:-3])  # the crash came while the second frame was written
    complete, data = read(root)
    assert not complete
    assert b"first second".startswith(data) and data.startswith(b"first ")


def test_a_body_with_a_hole_stays_a_part(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"beginning")
    writer.close(KEY, whole=False)
    assert read(root) == (False, b"beginning")


def test_the_part_of_a_dead_process_is_not_continued(root: Path) -> None:
    BlobWriter(str(root)).append(KEY, b"from before the crash")
    writer = BlobWriter(str(root))
    writer.append(KEY, b"anew")
    writer.close(KEY)
    assert read(root) == (True, b"anew")


def test_an_empty_body_is_not_a_missing_one(root: Path) -> None:
    BlobWriter(str(root)).close(KEY)
    assert read(root) == (True, b"")
    assert BlobReader(str(root)).read(BlobKey(ID, 2, "upstream_response")) is None


def test_a_damaged_file_ends_where_the_damage_begins(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"good")
    writer.append(KEY, b"lost")
    writer.close(KEY)
    path = root / blob_name(KEY)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\0" * (len(data) // 2))
    assert read(root) == (True, b"good")
    path.write_bytes(b"this is not zstd")
    assert read(root) == (True, b"")


def test_nothing_is_appended_behind_a_failure(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"before")
    part = root / f"{blob_name(KEY)}.part"
    kept = part.read_bytes()
    part.unlink()
    part.mkdir()
    with pytest.raises(OSError, match="directory"):
        writer.append(KEY, b"during")
    part.rmdir()
    part.write_bytes(kept)
    with pytest.raises(OSError, match="directory"):
        writer.append(KEY, b"after")
    assert writer.size(KEY) == len(b"before" + b"during" + b"after")
    writer.close(KEY)
    assert read(root) == (False, b"before")


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    root.write_text("in the way")
    writer = BlobWriter(str(root))
    with pytest.raises(OSError):
        writer.append(KEY, b"data")
    writer.close(KEY)  # broken: nothing to publish
    with pytest.raises(OSError):
        BlobReader(str(root)).read(KEY)


def test_a_folder_deleted_before_the_end(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"data")
    shutil.rmtree(root)
    with pytest.raises(FileNotFoundError):
        writer.close(KEY)
    writer.append(KEY, b"anew")
    writer.close(KEY)
    assert read(root) == (True, b"anew")


@pytest.mark.parametrize(
    "key",
    [
        BlobKey("../../etc", 0, "client_request"),
        BlobKey(ID, -1, "client_request"),
        BlobKey(ID, 0, "../../../x"),
    ],
)
def test_names_cannot_leave_the_root(root: Path, key: BlobKey) -> None:
    with pytest.raises(ValueError, match=r"exchange id|blob attempt|blob kind"):
        BlobWriter(str(root)).append(key, b"x")
    assert not root.exists()
    with pytest.raises(ValueError, match=r"exchange id|blob attempt|blob kind"):
        BlobReader(str(root)).read(key)


def test_a_large_body_is_read_in_small_pieces(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, bytes(50_000_000))  # 50 MB of zeros are 1.5 KB compressed
    writer.close(KEY)
    blob = BlobReader(str(root)).read(KEY)
    assert blob is not None
    sizes = [len(piece) for piece in blob]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= FRAME


def test_a_reader_that_stops_early_closes_the_file(root: Path) -> None:
    BlobWriter(str(root)).close(KEY)
    blob = BlobReader(str(root)).read(KEY)
    assert blob is not None
    blob.close()
    assert list(blob) == []


def test_object_storage_gets_whole_bodies_only() -> None:
    url = "memory://team/blobs"
    writer = BlobWriter(url)
    writer.append(KEY, b"one ")
    assert BlobReader(url).read(KEY) is None
    writer.append(KEY, b"two")
    writer.close(KEY)
    assert read(url) == (True, b"one two")
    other = BlobKey(ID, 2, "upstream_response")
    writer.append(other, b"half")
    writer.shut()
    assert BlobReader(url).read(other) is None
    assert [Path(name).name for name in fsspec.filesystem("memory").find("/team")] == [
        "attempt-1.upstream_response.zst"
    ]


def test_a_location_without_a_driver_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere:// cannot be used"):
        BlobWriter("nowhere://user:secret@bucket")


@pytest.mark.parametrize("location", ["{root}", "memory://discarded"])
def test_a_discarded_exchange_is_measured_and_not_written(root: Path, location: str) -> None:
    location = location.format(root=root)
    writer = BlobWriter(location)
    later = BlobKey(ID, 0, "client_response")
    other = BlobKey(ExchangeIds().make(1_700_000_001.0), 0, "client_request")
    writer.append(KEY, b"before")
    writer.append(other, b"other")
    writer.discard(ID)
    written = writer.written
    for key, data in ((KEY, b"behind"), (later, b"later")):
        writer.append(key, data)
    assert (writer.size(KEY), writer.size(later), writer.written) == (12, 5, written)
    for key in (KEY, later, other):
        writer.close(key)
    reader = BlobReader(location)
    assert [reader.read(key) for key in (KEY, later)] == [None, None]
    assert read(location, other) == (True, b"other")
    writer.shut()


def test_not_all_that_was_discarded_is_remembered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.blobs._DISCARDED", 2)
    writer = BlobWriter(str(root))
    ids = [ExchangeIds().make(1_700_000_000.0 + number) for number in range(3)]
    for exchange_id in ids:
        writer.discard(exchange_id)
    for exchange_id in ids:
        writer.append(BlobKey(exchange_id, 0, "client_request"), b"x")
    assert [path.name for path in root.glob("*/*/*/*")] == ids[:1]


def test_what_is_written_is_measured_as_it_is_on_the_disk(root: Path) -> None:
    writer = BlobWriter(str(root))
    writer.append(KEY, b"a" * 100_000)
    writer.append(KEY, bytes(range(256)))
    writer.close(KEY)
    assert writer.written == (root / blob_name(KEY)).stat().st_size < 1000


def test_a_full_disk_leaves_a_true_beginning_and_costs_no_other_body(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(FileIO):
        def write(self, data: object) -> int:
            super().write(bytes(data)[:10])  # a part of the frame still found room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writer = BlobWriter(str(root))
    writer.append(KEY, b"before")
    with monkeypatch.context() as patched:
        patched.setattr("webui.blobs.FileIO", Full)
        with pytest.raises(OSError, match="No space left"):
            writer.append(KEY, b"during")
    with pytest.raises(OSError, match="No space left"):
        writer.append(KEY, b"after")
    writer.close(KEY)
    complete, data = read(root)
    assert not complete
    assert data.startswith(b"before") and b"beforeduring".startswith(data)
    other = BlobKey(ID, 1, "upstream_request")
    writer.append(other, b"there is room again")
    writer.close(other)
    assert read(root, other) == (True, b"there is room again")


def test_a_folder_may_be_removed_while_it_is_made(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A janitor finds the new folder of a day empty, and removes it."""
    made: list[Path] = []

    def make_and_lose(path: Path) -> None:
        make_folder(path)
        made.append(path)
        if [folder.name for folder in made].count("14") == 1 and path.name == "14":
            path.rmdir()

    monkeypatch.setattr("webui.blobs.make_folder", make_and_lose)
    writer = BlobWriter(str(root))
    writer.append(KEY, b"data")
    writer.close(KEY)
    assert read(root) == (True, b"data")
