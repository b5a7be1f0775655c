"""Means of making faults that touch nothing but the process that they are for, and what it starts."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
NOBODY = 65534  # the user without rights, on Linux
_LIBRARY = ctypes.CDLL(None, use_errno=True)


def limited(kind: int, value: int) -> Callable[[], None]:
    """Return what sets a limit of the process: a `RLIMIT_*`, and its value."""
    return functools.partial(resource.setrlimit, kind, (value, resource.getrlimit(kind)[1]))


def on_cores(cores: set[int]) -> Callable[[], None]:
    """Return what lets the process use these cores alone."""
    return functools.partial(os.sched_setaffinity, 0, cores)


def as_if_on(number: int) -> None:
    """Let this Python believe that it may use so many cores."""
    os.sched_getaffinity = lambda _: set(range(number))


def become(user: int) -> None:
    """Let this process be another user's, without any right of root; for a Python that has all its modules already."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def used(folder: Path) -> int:
    """Return how many bytes of a disk the files of a folder take, in its blocks."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) if folder.exists() else 0


@dataclass(frozen=True)
class SmallDisk:
    """A folder on a small disk of its own, in memory, which only those see who enter its mount namespace.

    Attributes:
        folder: where the disk is mounted.
        holder: number of the process that keeps the namespace.

    """

    folder: Path
    holder: int

    def enter(self, working: Path) -> None:
        """Let this process see the disk, and work in a folder."""
        for kind in ("mnt",) if os.geteuid() == 0 else ("user", "mnt"):
            descriptor = os.open(f"/proc/{self.holder}/ns/{kind}", os.O_RDONLY)
            if _LIBRARY.setns(descriptor, 0):
                raise OSError(ctypes.get_errno(), "setns")
        os.chdir(working)  # the system has changed it

    @property
    def free(self) -> int:
        """How many bytes are free on it."""
        state = os.statvfs(f"/proc/{self.holder}/root{self.folder}")
        return state.f_bavail * state.f_frsize

    def grow(self) -> None:
        """Let the disk have as much space as is needed."""
        entered = ["nsenter", f"--target={self.holder}", *([] if os.geteuid() == 0 else ["--user"]), "--mount"]
        subprocess.run([*entered, "mount", "-o", "remount,size=1g", self.folder], check=True)  # noqa: S603

    def copy(self) -> None:
        """Put what is on the disk into the folder that everybody sees."""
        outside = self.folder.with_name(f"{self.folder.name}-copied")
        shutil.copytree(Path(f"/proc/{self.holder}/root{self.folder}"), outside, symlinks=True)
        shutil.rmtree(self.folder)  # which ends the mount
        outside.rename(self.folder)


_MOUNT = """
set -e
mount -t tmpfs -o size="$2",mode=777 none "$3"
cp -a "$1"/. "$3"
mount --bind "$3" "$1"
echo mounted
exec sleep 100000
"""


@contextlib.contextmanager
def small_disk(folder: Path, free: int, scratch: Path) -> Iterator[SmallDisk]:
    """Mount a small disk over a folder, with the same content, for those who enter it.

    Args:
        folder: which is there.
        free: bytes that are free on the disk.
        scratch: an empty folder beside.

    Raises:
        PermissionError: this machine lets us not mount anything.

    """
    size = used(folder) + max(4 * KIB, free)
    scratch.mkdir(parents=True, exist_ok=True)
    alone = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount"]
    command = [*alone, "sh", "-c", _MOUNT, "sh", str(folder), str(size), str(scratch)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    try:
        assert holder.stdout is not None
        said = holder.stdout.readline()
        if said != "mounted\n":
            raise PermissionError(said.strip())
        yield SmallDisk(folder, holder.pid)
    finally:
        holder.kill()
        holder.communicate()


def faketime(days: int) -> dict[str, str] | None:
    """Return the environment in which the clock is so many days ahead; None where libfaketime is not there."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        return None
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": f"{days:+d}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def age(folder: Path, days: int) -> None:
    """Give all files of a folder times that are so many days ahead."""
    when = time.time() + 86_400 * days
    for path in folder.rglob("*"):
        os.utime(path, (when, when), follow_symlinks=False)
