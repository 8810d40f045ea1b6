"""The disk of stage one's changelog is full."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.drills.house import CHANGELOG, Failed, House

ABOUT = (
    "the changelog's folders lie on a disk of their own (a small tmpfs, so it takes root) that something "
    "else fills to the last byte; later there is room again"
)
_ROOM = 96 << 20
_EVENTS = 500
"""So many at least go in meanwhile: Kafka learns that a disk is full by writing to it."""
_libc = ctypes.CDLL(None, use_errno=True)


def arguments(chance: random.Random) -> dict[str, Any]:
    """When it fills."""
    return {"after_s": round(chance.uniform(1.0, 3.0), 2), "full_s": round(chance.uniform(2.0, 6.0), 2)}


def run(house: House, *, after_s: float, full_s: float) -> str:
    """Move the changelog to a small disk, fill that, make room, move it back."""
    house.wait_whole()
    with _disk(house) as disk:
        house.restart_broker()
        house.wait_whole()
        house.pause(after_s)
        ballast = disk / "ballast"
        _fill(ballast)
        house.more(_EVENTS)
        seen_s = house.wait(lambda: not house.broker.alive(), 60, "Kafka notices that its disk is full")
        why = house.broker.why_ended()
        house.pause(full_s)
        ballast.unlink()
        house.restart_broker()
        house.wait_whole()
        house.pause(1.0)
    house.restart_broker()
    whole_s = house.wait_whole()
    said = why.message.splitlines()[0] if why is not None else "nothing"
    return f"Kafka ended itself after {seen_s:.1f} s ({said}); whole {whole_s:.1f} s after there was room"


def _fill(path: Path) -> None:
    """Write until there is no byte left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@contextmanager
def _disk(house: House) -> Iterator[Path]:
    """The changelog's folders on a tmpfs of their own, Kafka stopped around both moves."""
    data = next(house.settings.state_dir.glob("**/data"))
    folders = sorted(data.glob(f"{CHANGELOG}-*"))
    if not folders:
        raise Failed(f"no folders of {CHANGELOG} in {data}")
    house.broker.stop()
    used = sum(file.stat().st_blocks * 512 for folder in folders for file in folder.iterdir())
    disk = house.folder / "small-disk"
    disk.mkdir(exist_ok=True)
    _mount("tmpfs", disk, "tmpfs", 0, f"size={used + _ROOM}")
    bound: list[Path] = []
    try:
        for folder in folders:
            there = disk / folder.name
            _copy(folder, there)
            _mount(str(there), folder, "", _MS_BIND, "")
            bound.append(folder)
        yield disk
    finally:
        house.broker.stop()  # whatever happened: a folder that is in use can't be moved
        for folder in bound:
            _umount(folder)
            shutil.rmtree(folder)
            _copy(disk / folder.name, folder)
        _umount(disk)


_MS_BIND = 4096


def _copy(folder: Path, there: Path) -> None:
    """With its holes: Kafka's indexes are made large and stay empty."""
    subprocess.run(["cp", "-a", "--sparse=always", str(folder), str(there)], check=True)


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    if _libc.mount(source.encode(), bytes(target), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise Failed(f"{target} can't be mounted ({os.strerror(number)}): this fault takes root")


def _umount(target: Path) -> None:
    if _libc.umount(bytes(target)):
        raise Failed(f"{target} can't be unmounted ({os.strerror(ctypes.get_errno())})")
