"""Why Kafka cannot be reached: nobody is there, or it refuses who we are or how we speak."""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.errors import BrokerUnreachable
from schemas.security import client_options

_ASK_S = 5.0
_REFUSED = ("Sasl", "Authentication")
"""In the names of kafka-python's and aiokafka's errors where Kafka does not take who we are."""


class _ClosedAtOnce(OSError):
    """A connection is taken, and closed at the first word."""


def unreachable(bootstrap: str, words: str) -> BrokerUnreachable:
    """The error where nobody answers at ``bootstrap``."""
    return BrokerUnreachable(
        f"no Kafka answers at {bootstrap} ({words}): is it running? `watchroom up` starts one, and --broker "
        "names another"
    )


def listening(bootstrap: str) -> None:
    """See whether anybody listens there, before kafka-python tries for ten seconds and leaves sockets open.

    Raises:
        BrokerUnreachable: nobody does, at none of the addresses.
    """
    words = ""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_ASK_S).close()
        except (OSError, ValueError, OverflowError) as exc:
            words = getattr(exc, "strerror", None) or str(exc)
        else:
            return
    raise unreachable(bootstrap, words)


def hint(exc: BaseException) -> str:
    """What to look at, where Kafka answers and refuses who we are or how we speak; empty otherwise.

    >>> class SaslAuthenticationFailedError(Exception): ...
    >>> hint(SaslAuthenticationFailedError()).partition(":")[0]
    'Kafka does not accept who we are (SaslAuthenticationFailedError)'
    """
    seen: BaseException | None = exc
    while seen is not None:
        name = type(seen).__name__
        if any(part in name for part in _REFUSED):
            return (
                f"Kafka does not accept who we are ({name}): see kafka_user, kafka_password_file, "
                "kafka_sasl_mechanism and kafka_security"
            )
        if isinstance(seen, ssl.SSLError) or "certificate" in str(seen).lower():
            return (
                f"no TLS that can be trusted ({seen}): see kafka_ca_file, and whether Kafka's certificate "
                "names the host in broker"
            )
        if isinstance(seen, _ClosedAtOnce):
            return "what listens there closes the connection at our first word: see kafka_security"
        seen = seen.__cause__ or seen.__context__
    return ""


def refusal(bootstrap: str, exc: BaseException) -> str:
    """What to look at, where a client could not reach Kafka; empty where it seems to be away.

    kafka-python keeps trying in the background and says no more in the end than that nobody answered, so one
    bare connection asks again. Waits for that, at most ``_ASK_S``; not for an event loop's own thread.
    """
    if said := hint(exc):
        return said
    host, _, port = bootstrap.split(",")[0].strip().rpartition(":")
    with ThreadPoolExecutor(1) as elsewhere:  # the caller may have a loop of its own
        try:
            elsewhere.submit(asyncio.run, _connect(host.strip("[]"), int(port))).result()
        except (KafkaError, OSError, ValueError) as found:
            return hint(found)
    return ""


async def _connect(host: str, port: int) -> None:
    """Connect once, as whom we are told to be; raises what Kafka or its certificate says."""
    limit_ms = int(_ASK_S * 1000)
    async with asyncio.timeout(_ASK_S):  # its TimeoutError is an OSError
        try:
            made = await create_conn(host, port, request_timeout_ms=limit_ms, **client_options())
        except KafkaConnectionError as exc:
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            raise _ClosedAtOnce from exc
        made.close()
