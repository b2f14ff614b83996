from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from simsid.cli import command_parser, parse
from simsid.errors import SimsidError
from simsid.threads import (
    available_cores,
    cgroup_quota,
    physical_cores,
    set_threads,
    threads_in_use,
)
from tests.simsid.test_home import MODULES, ROOT

SIBLINGS = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
MOUNT_2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNT_1 = (
    "31 23 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 {} /sys/fs/cgroup/cpu rw,relatime shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
)


@pytest.fixture(autouse=True)
def same_threads_afterwards(monkeypatch):
    before = threads_in_use()
    monkeypatch.setenv("OMP_NUM_THREADS", str(before))
    yield
    set_threads(before)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_two_threads_of_one_core_count_as_one(tmp_path):
    root = write(tmp_path, {SIBLINGS.format(i): f"{i % 2},{i % 2 + 2}\n" for i in range(4)})
    assert physical_cores({0, 1, 2, 3}, root) == 2
    assert physical_cores({0, 2}, root) == 1
    assert physical_cores({0, 1, 9}, root) == 3  # nothing is told of the last


def test_no_limit_is_told_where_there_are_no_cgroups_and_where_there_is_none(tmp_path):
    assert cgroup_quota(tmp_path) is None
    files = {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": MOUNT_2}
    root = write(tmp_path, files | {"sys/fs/cgroup/cpu.max": "max 100000\n"})
    assert cgroup_quota(root) is None


def test_the_tightest_quota_on_the_way_up_holds_in_version_2(tmp_path):
    files = {
        "proc/self/cgroup": "0::/a/b\n",
        "proc/self/mountinfo": MOUNT_2,
        "sys/fs/cgroup/a/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
    }
    assert cgroup_quota(write(tmp_path, files)) == 2.5


@pytest.mark.parametrize("shown", ["/", "/docker/x"])
def test_the_quota_of_version_1_is_found_where_a_container_sees_only_its_part(shown, tmp_path):
    within = "docker/x/" if shown == "/" else ""
    files = {
        "proc/self/cgroup": "3:cpuset:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n",
        "proc/self/mountinfo": MOUNT_1.format(shown),
        f"sys/fs/cgroup/cpu/{within}cpu.cfs_quota_us": "150000\n",
        f"sys/fs/cgroup/cpu/{within}cpu.cfs_period_us": "100000\n",
    }
    assert cgroup_quota(write(tmp_path, files)) == 1.5


def test_a_path_outside_of_what_is_mounted_falls_back_on_the_mount(tmp_path):
    files = {
        "proc/self/cgroup": "2:cpu,cpuacct:/other\n",
        "proc/self/mountinfo": MOUNT_1.format("/docker/x"),
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert cgroup_quota(write(tmp_path, files)) is None
    (tmp_path / "sys/fs/cgroup/cpu/cpu.cfs_quota_us").write_text("300000\n")
    assert cgroup_quota(tmp_path) == 3.0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_affinity_and_quota_both_bound_the_cores_and_one_always_remains(tmp_path):
    allowed = os.sched_getaffinity(0)
    assert available_cores(tmp_path) == len(allowed)
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": MOUNT_2,
        "sys/fs/cgroup/cpu.max": "50000 100000\n",
    }
    assert available_cores(write(tmp_path, files)) == 1


@pytest.mark.parametrize("typed", [["--threads", "2"], ["--threads=3"]])
def test_every_command_takes_a_number_of_threads(typed):
    options = parse(command_parser("python -m anything"), typed)
    assert torch.get_num_threads() == threads_in_use() == options.threads
    assert os.environ["OMP_NUM_THREADS"] == str(options.threads)


def test_what_the_environment_says_counts_where_nothing_is_typed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    parse(command_parser("python -m anything"), [])
    assert torch.get_num_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads_in_use() == available_cores()


def test_no_thread_at_all_is_refused():
    with pytest.raises(SimsidError, match="--threads must be at least 1, not 0"):
        parse(command_parser("python -m anything"), ["--threads", "0"])


def test_importing_makes_waiting_threads_sleep_and_keeps_what_the_user_set():
    code = "import os, simsid; print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])"
    own_names, told = ("OMP_WAIT_POLICY", "KMP_BLOCKTIME"), []
    for own in ({}, {"OMP_WAIT_POLICY": "ACTIVE", "KMP_BLOCKTIME": "7"}):
        kept = {key: value for key, value in os.environ.items() if key not in own_names}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=kept | own, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        told.append(done.stdout.split())
    assert told == [["PASSIVE", "0"], ["ACTIVE", "7"]]


OPEN_EACH_DOOR = """
import importlib, os, sys

seen = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            seen.append(os.environ.get("OMP_WAIT_POLICY"))
            raise ImportError(name)

for door in sys.argv[1:]:
    for name in [each for each in sys.modules if each.split(".")[0] in ("simsid", "hub", "demo", "app")]:
        del sys.modules[name]
    os.environ.pop("OMP_WAIT_POLICY", None)
    seen.clear()
    sys.meta_path.insert(0, Watch())
    try:
        importlib.import_module(door)
    except ImportError:
        assert seen, door
    sys.meta_path.pop(0)
    print(door, seen[0] if seen else os.environ.get("OMP_WAIT_POLICY"))
"""


def test_at_every_door_waiting_threads_sleep_before_torch_is_loaded():
    doors = [*MODULES, "app", "hub", "simsid.__main__", "simsid.archive.on_ray", "simsid.detectors"]
    told = subprocess.run([sys.executable, "-c", OPEN_EACH_DOOR, *doors], cwd=ROOT,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert told.stdout.splitlines() == [f"{door} PASSIVE" for door in doors]


def test_counting_imports_no_torch():
    code = "import sys; from simsid.threads import set_threads; set_threads(1); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_command_that_ends_does_not_look_through_all_of_torch_once_more():
    told = "lambda: print(gc.get_freeze_count() > 1000)"  # after what a command does at exit
    code = (
        f"import atexit, gc; atexit.register({told}); from simsid.cli import run_command\n"
        "if {}: run_command(lambda: 0)"
    )
    for command in (True, False):  # an import alone changes nothing of how Python ends
        asked = [sys.executable, "-c", code.format(command)]
        done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT)
        assert done.stdout == f"{command}\n", done.stderr
