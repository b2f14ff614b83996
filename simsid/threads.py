"""How many threads to compute with: the physical cores that this process may use.

Imports no torch: a number set before torch is imported reaches it by the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from threadpoolctl import threadpool_limits

from simsid.errors import check_at_least_one

_VARIABLE = "OMP_NUM_THREADS"
_ROOT = Path("/")


def set_threads(wanted: int | None) -> None:
    """Compute with so many threads from now on, here and in processes that this one starts.

    Args:
        wanted: None takes what OMP_NUM_THREADS says, or else :func:`available_cores`.

    Raises:
        SimsidError: fewer than one.
    """
    check_at_least_one(threads=wanted)
    count = threads_in_use() if wanted is None else wanted
    os.environ[_VARIABLE] = str(count)
    threadpool_limits(count)  # libraries that are loaded have read the environment already
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


def threads_in_use() -> int:
    """What ``set_threads`` set, or what it would set when nobody asks for a number."""
    told = os.environ.get(_VARIABLE, "").split(",")[0]
    return int(told) if told.isdigit() and int(told) else available_cores()


def available_cores(root: Path = _ROOT) -> int:
    """Physical cores by affinity, and no more than the cgroups' quota of processor time; at least 1.

    A quota of two and a half cores counts as two: with a third thread all would wait for the one
    that has no time left.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
    else:
        allowed = set(range(os.cpu_count() or 1))
    quota = cgroup_quota(root)
    cores = physical_cores(allowed, root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def physical_cores(processors: Iterable[int], root: Path = _ROOT) -> int:
    """On how many cores these logical processors lie; each is one where the system does not tell."""
    cores = set()
    for number in processors:
        file = root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
        cores.add(_read(file) or str(number))
    return len(cores)


def cgroup_quota(root: Path = _ROOT) -> float | None:
    """Cores' worth of time that the tightest cgroup grants this process; None: no limit is told."""
    quotas = [
        quota
        for folder, top in _cgroup_folders(root)
        for place in (folder, *folder.parents)
        if place.is_relative_to(top) and (quota := _quota_of(place)) is not None
    ]
    return min(quotas, default=None)


def _quota_of(folder: Path) -> float | None:
    told = _read(folder / "cpu.max")  # version 2: 'max 100000', or '150000 100000'
    if told is None:
        told = f"{_read(folder / 'cpu.cfs_quota_us')} {_read(folder / 'cpu.cfs_period_us')}"
    quota, _, period = told.partition(" ")
    if not (quota.isdigit() and period.isdigit() and int(quota) and int(period)):
        return None
    return int(quota) / int(period)


def _cgroup_folders(root: Path) -> list[tuple[Path, Path]]:
    """This process's cgroup of each version that limits processor time, and where it is mounted."""
    paths = {}
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            paths["cgroup2"] = path
        elif "cpu" in controllers.split(","):
            paths["cgroup"] = path
    folders = []
    for line in (_read(root / "proc/self/mountinfo") or "").splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        if kind not in paths or (kind == "cgroup" and "cpu" not in options.split(",")):
            continue
        shown, place = mount.split(" ")[3:5]
        top = root / place.lstrip("/")
        within = os.path.relpath(paths[kind], shown)  # a container sees a part of the tree
        folder = top if within.startswith("..") else top / within
        folders.append((folder, top))
    return folders


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
