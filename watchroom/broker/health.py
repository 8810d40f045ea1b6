"""Whether a Kafka answers."""

from __future__ import annotations

import socket
import struct
import time

from schemas.errors import BrokerUnreachable

_RETRY_S = 0.1
_CLIENT = "watchroom-health"
_API_VERSIONS = 18
_CORRELATION = 911


def answers(bootstrap: str, timeout_s: float = 5) -> None:
    """Return when a Kafka answers at the address, its own or somebody else's.

    Keeps trying until the time is up, so it can also wait for one that is just starting.

    Args:
        bootstrap: 'host:port', or several with commas between.
        timeout_s: how long to try, in seconds.

    Raises:
        BrokerUnreachable: nothing answered, or what did is no Kafka; names the address.
    """
    cluster_id(bootstrap, timeout_s)


def cluster_id(bootstrap: str, timeout_s: float = 5) -> str:
    """As `answers`, and returns the id of the cluster that answered."""
    deadline = time.monotonic() + timeout_s
    addresses = [_address(each, bootstrap) for each in bootstrap.split(",")]
    # By hand first: for every failed attempt kafka-python would log an error and leave a thread and a socket.
    while (found := next((each for each in addresses if _speaks_kafka(each, deadline)), None)) is None:
        if time.monotonic() + _RETRY_S > deadline:
            raise _unreachable(bootstrap, timeout_s, any(accepts(*each, timeout_s=1) for each in addresses))
        time.sleep(_RETRY_S)

    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    left_ms = int(1000 * max(1.0, deadline - time.monotonic()))
    try:
        client = KafkaAdminClient(
            bootstrap_servers=[f"[{found[0]}]:{found[1]}" if ":" in found[0] else f"{found[0]}:{found[1]}"],
            client_id=_CLIENT,
            bootstrap_timeout_ms=left_ms,
            request_timeout_ms=left_ms,
        )
        try:
            return str(client.describe_cluster()["cluster_id"])
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise _unreachable(bootstrap, timeout_s, True) from error


def accepts(host: str, port: int, timeout_s: float) -> bool:
    """Whether something accepts a TCP connection there."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def _speaks_kafka(address: tuple[str, int], deadline: float) -> bool:
    """Ask which requests it knows, the one question that every Kafka answers anybody."""
    client = _CLIENT.encode()
    question = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION, len(client)) + client
    try:
        # Half of what is left: one that accepts and stays silent must leave time for the next in the list.
        patience_s = max(0.1, (deadline - time.monotonic()) / 2)
        with socket.create_connection(address, timeout=patience_s) as connection:
            connection.sendall(struct.pack(">i", len(question)) + question)
            answer = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 8 and struct.unpack(">ii", answer)[1] == _CORRELATION


def _unreachable(bootstrap: str, timeout_s: float, accepted: bool) -> BrokerUnreachable:
    if accepted:
        return BrokerUnreachable(
            f"what listens at {bootstrap} did not answer as a Kafka within {timeout_s:g} s: set the address "
            "to one that does"
        )
    return BrokerUnreachable(
        f"no Kafka answers at {bootstrap} (nothing accepted a connection within {timeout_s:g} s): start it, "
        "or set the address to one that runs"
    )


def _address(text: str, bootstrap: str) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
        raise BrokerUnreachable(f"the address of Kafka is '{bootstrap}', and must be HOST:PORT")
    return host.strip("[]"), int(port)
