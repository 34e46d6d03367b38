"""Starts a worker where it can do no harm: bubblewrap, without network, files, environment, or privileges.

As root the sandbox makes no user namespace and drops to a user of its own; as an ordinary user it makes one.
`unsafe` starts the worker as a plain process, for machines that have no sandbox and submissions that are trusted.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from utils.grading.proxy import Connection, WorkerLost
from utils.grading.seccomp import program
from utils.grading.wire import Channel

FIRST_USER, USERS = 61_000, 4000  # workers that run at the same time have users of their own, who own nothing
_started = itertools.count()
REPLY_BYTES = 16 * 2**20
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "USER": "learner",
    "LOGNAME": "learner",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "COURSE_PROFILE": "quick",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
if sysconfig.get_config_var("Py_ENABLE_SHARED"):
    ENVIRONMENT["LD_LIBRARY_PATH"] = str(sysconfig.get_config_var("LIBDIR"))
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from utils.grading.worker import main; main()"


class SandboxError(Exception):
    """A worker could not be started: one sentence."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes:
        memory: Bytes of memory, all its processes together.
        address_space: Bytes of address space of one process; TensorFlow reserves more than it uses.
        processes: Processes and threads; TensorFlow starts some ten.
        disk: Bytes of temporary files.
        cell_seconds: Time of a cell.
        seconds: Time of the submission.
    """

    memory: int = 3 * 2**29
    address_space: int = 4 * 2**30
    processes: int = 64
    disk: int = 64 * 2**20
    cell_seconds: float = 30.0
    seconds: float = 300.0


@cache
def missing() -> str | None:
    """Why there is no sandbox on this machine; `None` where there is one."""
    if not sys.platform.startswith("linux"):
        return "the sandbox needs Linux (on Windows: WSL)"
    for name in ("bwrap", "setpriv", "prlimit"):
        if shutil.which(name) is None:
            package = "bubblewrap" if name == "bwrap" else "util-linux"
            return f"the program {name} is missing: install {package} (apt install {package})"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        command = [*_bubblewrap(Path(folder), Limits(), ()), "/usr/bin/true"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        advice = ""
        if os.geteuid() and Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
            advice = " (on Ubuntu: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)"
        return f"bubblewrap does not start here: {reason}{advice}"
    return None


class Sandbox:
    """A running worker.

    Args:
        library: The folder with the copy of `utils`.
        limits: What it may use.
        unsafe: Start it without a sandbox.
        hidden: Files and folders that must not be seen, should they lie below Python's own folders.
        deadline: Of `time.monotonic`, for the whole submission.

    Raises:
        SandboxError: If it does not start.
    """

    def __init__(
        self,
        library: Path,
        limits: Limits | None = None,
        *,
        unsafe: bool = False,
        hidden: tuple[Path, ...] = (),
        deadline: float = float("inf"),
    ) -> None:
        self.limits = limits = limits or Limits()
        self.folder = tempfile.TemporaryDirectory(prefix="course-worker-") if unsafe else None
        ours, theirs = socket.socketpair()
        python = [sys.executable, "-I", "-c", START]
        passed = [theirs.fileno()]
        if unsafe:
            command = (
                ["prlimit", f"--as={limits.address_space}", "--core=0", "--", *python] if _has_prlimit() else python
            )
            command += [str(library), str(theirs.fileno())]
            environment = ENVIRONMENT | {"HOME": self.folder.name, "TMPDIR": self.folder.name}
        else:
            filters = _filter()
            passed += filters
            command = _bubblewrap(library, limits, hidden, filters)
            command += [*python, "/course", str(theirs.fileno())]
            environment = {}
        with tempfile.TemporaryFile() as said:
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    env=environment,
                    cwd=self.folder.name if unsafe else "/",
                    pass_fds=passed,
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(f"the worker did not start: {error}") from None
            finally:
                theirs.close()
                for end in passed[1:]:
                    os.close(end)
            self.connection = Connection(Channel(ours, REPLY_BYTES), self._watch, deadline)
            try:
                self.connection.ready(60)
            except WorkerLost as lost:
                self.close()
                said.seek(0)
                told = said.read(20_000).decode("utf-8", "replace").strip().splitlines() or [lost.reason]
                raise SandboxError(f"the worker did not start: {told[-1]}") from None

    def _watch(self) -> str | None:
        """Why the worker has to go."""
        return "memory" if _memory(self.process.pid) > self.limits.memory else None

    def close(self) -> None:
        """Ends the worker and every process that it has started."""
        self.connection.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        if self.folder:
            with contextlib.suppress(OSError):
                self.folder.cleanup()


def _has_prlimit():
    return shutil.which("prlimit") is not None


def _filter() -> list[int]:
    """A file descriptor to read the filter of system calls from, if there is one for this processor."""
    text = program()
    if text is None:
        return []
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return [reading]


def _bubblewrap(library: Path, limits: Limits, hidden: tuple[Path, ...], filters: Sequence[int] = ()) -> list[str]:
    """The command up to the program that runs inside."""
    # A user of its own each time: processes that still end count for their user.
    root, user = os.geteuid() == 0, FIRST_USER + (os.getpid() + next(_started)) % USERS
    command = [shutil.which("bwrap") or "bwrap", "--die-with-parent", "--new-session"]
    if root:
        command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        command += ["--cap-drop", "ALL"]
        for capability in ("SETUID", "SETGID", "SETPCAP"):
            command += ["--cap-add", f"CAP_{capability}"]
    else:
        command += [
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--uid",
            str(user),
            "--gid",
            str(user),
            "--cap-drop",
            "ALL",
        ]
    for number in filters:
        command += ["--seccomp", str(number)]
    command += ["--clearenv", *(part for pair in ENVIRONMENT.items() for part in ("--setenv", *pair))]
    # Before Python's folders, which may lie below it.
    command += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", "/tmp"]
    shown = _shown()
    made = {Path("/tmp")}
    for path in shown:
        command += _parents(path, made)
        command += ["--ro-bind", str(path), str(path)]
    for link in ("/bin", "/sbin", "/lib", "/lib64"):
        path = Path(link)
        if path.is_symlink():
            command += ["--symlink", os.readlink(path), link]
        elif path.is_dir():
            command += ["--ro-bind", link, link]
    command += ["--perms", "0755", "--dir", "/etc"]
    for file in ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives"):
        command += ["--ro-bind-try", file, file]
    command += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", str(library), "/course"]
    for place in _masked(shown, hidden):
        if place.name == "utils":
            command += ["--ro-bind", str(library / "utils"), str(place)]
        else:
            command += ["--perms", "0755", "--tmpfs", str(place)] if place.is_dir() else []
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
    if root:
        command += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all"]
        command += ["--inh-caps=-all", "--no-new-privs", "--"]
    bounds = {"nproc": limits.processes, "as": limits.address_space, "fsize": limits.disk, "core": 0, "nofile": 256}
    return [*command, "prlimit", *(f"--{name}={value}" for name, value in bounds.items()), "--"]


def _shown() -> list[Path]:
    """Folders of the system and of Python that the worker reads, none inside another."""
    wanted = [Path("/usr"), Path(sys.base_prefix), Path(sys.prefix)]
    executable = Path(sys.executable)
    while executable.is_symlink():
        executable = (executable.parent / os.readlink(executable)).absolute()
        wanted.append(executable.parent.parent)
    found: list[Path] = []
    for path in sorted({Path(os.path.normpath(p)) for p in wanted}, key=lambda p: len(p.parts)):
        if len(path.parts) > 1 and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def _masked(shown: list[Path], hidden: tuple[Path, ...]) -> list[Path]:
    """What lies below the shown folders and must not be seen: the course's own library, and `hidden`."""
    package = Path(__file__).resolve().parents[1]
    places = [package, package.parent / "solutions", package.parent / "tests", *(Path(p).resolve() for p in hidden)]
    return [p for p in places if p.exists() and any(p.is_relative_to(folder) for folder in shown)]


def _parents(path: Path, made: set[Path]) -> list[str]:
    """Makes the folders above a mount point readable for everybody; bubblewrap's own are for root alone."""
    command = []
    for parent in [*reversed(path.parents)][1:]:
        if parent not in made:
            made.add(parent)
            command += ["--perms", "0755", "--dir", str(parent)]
    return command


def _memory(pid: int) -> int:
    """Bytes that a process and all its descendants hold, not counting what they share with files."""
    total, waiting = 0, [pid]
    page = os.sysconf("SC_PAGE_SIZE")
    while waiting:
        number = waiting.pop()
        try:
            with open(f"/proc/{number}/statm", encoding="ascii") as file:
                _, resident, shared, *_ = file.read().split()
            total += (int(resident) - int(shared)) * page
            for task in os.listdir(f"/proc/{number}/task"):
                with open(f"/proc/{number}/task/{task}/children", encoding="ascii") as file:
                    waiting += map(int, file.read().split())
        except (OSError, ValueError):
            continue
    return total
