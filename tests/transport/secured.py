"""A real Kafka that lets nobody in without TLS and SCRAM, and that has an authority of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchroom.broker.jars import Prepared, prepare

USER, PASSWORD = "watchroom", "a secret of the test's own"
ADMIN, ADMIN_PASSWORD = "broker", "another"


@dataclass(frozen=True, slots=True)
class Secured:
    """One that runs: its address, the authority's certificate, and the files a client is given."""

    bootstrap: str
    ca_file: Path
    password_file: Path

    def environment(self, state: Path) -> dict[str, str]:
        """The settings of a client that may."""
        return {
            "WATCHROOM_BROKER": self.bootstrap,
            "WATCHROOM_STATE_DIR": str(state),
            "WATCHROOM_KAFKA_SECURITY": "SASL_SSL",
            "WATCHROOM_KAFKA_USER": USER,
            "WATCHROOM_KAFKA_PASSWORD_FILE": str(self.password_file),
            "WATCHROOM_KAFKA_CA_FILE": str(self.ca_file),
        }


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)


def _authority(folder: Path, name: str) -> Path:
    subject = f"/CN={name}"
    _openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject,
        "-keyout", f"{name}.key", "-out", f"{name}.pem",
    )  # fmt: skip
    return folder / f"{name}.pem"


def _keystore(folder: Path) -> Path:
    """Kafka's certificate for this machine's loopback, signed by the authority; PEM, key and chain."""
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
    _openssl(
        folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kafka",
        "-keyout", "kafka.key", "-out", "kafka.csr",
    )  # fmt: skip
    _openssl(
        folder, "x509", "-req", "-in", "kafka.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
        "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "kafka.pem",
    )  # fmt: skip
    both = folder / "kafka.both.pem"
    both.write_text((folder / "kafka.key").read_text() + (folder / "kafka.pem").read_text(), encoding="utf-8")
    return both


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _settings(folder: Path, port: int, controller: int, keystore: Path) -> Path:
    login = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{ADMIN}" password="{ADMIN_PASSWORD}";'
    )
    said = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"SASL_SSL://127.0.0.1:{port}",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL_SSL",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": login,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "authority.pem"),
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "2",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    path = folder / "server.properties"
    path.write_text("".join(f"{k}={v}\n" for k, v in said.items()), encoding="utf-8")
    return path


def _java(prepared: Prepared, folder: Path, *words: str) -> list[str]:
    return [str(prepared.java), "-Xmx384m", f"-Dkafka.logs.dir={folder}", "-cp", prepared.class_path, *words]


@contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """One on a free port of this machine, for the time of the block."""
    prepared = prepare()
    ca_file = _authority(folder, "authority")
    port, controller = _free(), _free()
    settings = _settings(folder, port, controller, _keystore(folder))
    scram = [
        word
        for user, password in ((USER, PASSWORD), (ADMIN, ADMIN_PASSWORD))
        for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")
    ]
    subprocess.run(
        _java(prepared, folder, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ",
              "-c", str(settings), *scram),
        check=True, capture_output=True, timeout=120, cwd=folder,
    )  # fmt: skip
    (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    with (folder / "kafka.out").open("wb") as log:
        process = subprocess.Popen(
            _java(prepared, folder, "kafka.Kafka", str(settings)), stdout=log, stderr=log, cwd=folder
        )
        try:
            deadline = time.monotonic() + 120
            while True:
                assert process.poll() is None, (folder / "kafka.out").read_text()[-3000:]
                assert time.monotonic() < deadline, (folder / "kafka.out").read_text()[-3000:]
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                except OSError:
                    time.sleep(0.2)
                else:
                    break
            yield Secured(f"localhost:{port}", ca_file, folder / "password")
        finally:
            process.kill()
            process.wait(30)
