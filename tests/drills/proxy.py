"""A TCP proxy between the clients and Kafka, so that Kafka can be there and refuse them.

Kafka gets a listener of its own for clients, advertised at the proxy's port; it reaches itself by the other
one. What refuses is the kernel: nobody listens at the port, and the open connections are reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import watchroom.broker.broker as broker_module
from watchroom.broker.config import server_properties

_CHUNK = 1 << 16
LOOPBACK = "127.0.0.1"


class Proxy:
    """Passes bytes on in a thread of its own, until it is told to refuse.

    Args:
        port: where clients come to.
        target: where Kafka listens for them.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.accept()

    @property
    def address(self) -> str:
        """What clients are told."""
        return f"{LOOPBACK}:{self.port}"

    def _call(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    def accept(self) -> None:
        """Listen, from now on."""
        self._call(self._listen)

    def refuse(self) -> None:
        """Listen no more and reset what is open."""
        self._call(self._stop)

    def close(self) -> None:
        """The end."""
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, backlog=200)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection(LOOPBACK, self._target)
            self._open.add(there)
            await asyncio.gather(_pass_on(reader, there), _pass_on(back, writer))
        except OSError:  # Kafka is not there
            pass
        finally:
            for one in (writer, there):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction; ends with an error when either end is gone, so that the other one is let go as well."""
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError


def free_ports(count: int) -> list[int]:
    """Ports nobody listens at."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.bind((LOOPBACK, 0))
            found.append(int(one.getsockname()[1]))
        return found


@contextmanager
def second_listener(port: int, advertised: int) -> Iterator[None]:
    """Brokers started meanwhile listen for clients at a port and advertise another one.

    ``server.properties`` is read by Java, to which the last of two equal names counts. The product has no
    such setting, and needs none: what makes Kafka misbehave is here.
    """

    def with_clients(port_: int, controller_port: int, extra: Mapping[str, str]) -> str:
        text = server_properties(port_, controller_port, extra)
        said = {
            "listeners": f"PLAINTEXT://{LOOPBACK}:{port_},CONTROLLER://{LOOPBACK}:{controller_port},"
            f"CLIENTS://{LOOPBACK}:{port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port_},CLIENTS://{LOOPBACK}:{advertised}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT",
        }
        return text + "".join(f"{name}={value}\n" for name, value in said.items())

    with patch.object(broker_module, "server_properties", with_clients):
        yield
