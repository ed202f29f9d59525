"""The folders of exchanges under the blob root, `YYYY/MM/DD/ID`, as those see them who clean up: found oldest first,
measured, and removed. What has no such name is somebody else's and stays.

All goes through fsspec, so that it is the same for a folder and for object storage. Only measuring is not: a folder
is read exchange by exchange, in little memory; storage is asked for a day at once, as each question is a request.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from webui.blobs import file_system, local_root
from webui.records import is_exchange_id, time_of_id

_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_MONTH_OR_DAY = re.compile(r"[0-9]{2}", re.ASCII)


def day_of(moment: float) -> str:
    """The folder of the exchanges that begin then."""
    return time.strftime("%Y/%m/%d", time.gmtime(moment))


class BlobFolders:
    """The folders under a blob location, for one thread. Its methods raise OSError, and what the storage raises.

    `is_local` says whether they are on this machine. Raises ValueError for a location that cannot be used.
    """

    def __init__(self, location: str) -> None:
        root = local_root(location)
        self.is_local = root is not None
        self._system: Any
        if root is not None:  # not by its name as a URL, in which some characters mean something
            self._system, self._root = fsspec.filesystem("file"), str(root.absolute())
        else:
            self._system, self._root = file_system(location)

    def days(self) -> list[str]:
        """The days that have a folder, as `YYYY/MM/DD`, the oldest first."""
        self._system.invalidate_cache()
        return [
            f"{year}/{month}/{day}"
            for year in self._names("", _YEAR)
            for month in self._names(year, _MONTH_OR_DAY)
            for day in self._names(f"{year}/{month}", _MONTH_OR_DAY)
        ]

    def exchanges(self, day: str) -> Iterator[tuple[str, int]]:
        """The exchanges of a day, by their ids, and how many bytes their bodies have."""
        sizes: dict[str, int] = {}
        if self.is_local:
            for name in self._names(day):
                if is_exchange_id(name):
                    yield name, sum(self._sizes(f"{self._root}/{day}/{name}").values())
            return
        for path, size in self._sizes(f"{self._root}/{day}").items():
            name = path.rsplit("/", 2)[-2]
            if is_exchange_id(name):
                sizes[name] = sizes.get(name, 0) + size
        yield from sorted(sizes.items())

    def remove(self, exchange_id: str) -> int:
        """Removes the bodies of an exchange, of which there may be none. Returns how many bytes they had. Raises
        ValueError for what is no id."""
        folder = f"{self._root}/{day_of(time_of_id(exchange_id))}/{exchange_id}"
        freed = sum(self._sizes(folder).values())
        with contextlib.suppress(FileNotFoundError):
            self._system.rm(folder, recursive=True)
        return freed

    def remove_empty(self, day: str) -> None:
        """Removes the folder of a day, its month and its year where nothing is in them. Storage has no folders."""
        if not self.is_local:
            return
        folder = Path(self._root, day)
        for path in (folder, folder.parent, folder.parent.parent):
            with contextlib.suppress(OSError):
                path.rmdir()

    def _names(self, folder: str, wanted: re.Pattern[str] | None = None) -> list[str]:
        try:
            found = self._system.ls(f"{self._root}/{folder}" if folder else self._root, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = [str(entry["name"]).rstrip("/").rsplit("/", 1)[-1] for entry in found if entry["type"] == "directory"]
        return sorted(name for name in names if wanted is None or wanted.fullmatch(name))

    def _sizes(self, folder: str) -> dict[str, int]:
        try:
            found = self._system.find(folder, detail=True)
        except FileNotFoundError:
            return {}
        return {path: int(entry["size"] or 0) for path, entry in found.items()}
