"""A receiver of notifications on this machine: what a phone would show, as text. For demos and tests.

Takes what Alertmanager posts to Slack, and its plain webhooks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec

from schemas.errors import ConfigurationError

BODY_BYTES_MAX = 4 << 20
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Notification(NamedTuple):
    """One message.

    Attributes:
        at: when it came, seconds since the epoch.
        route: the path it was posted to, without the slash: the receiver's name in our configuration.
        title, text: as a phone would show them.
        body: all of it.
    """

    at: float
    route: str
    title: str
    text: str
    body: dict[str, Any]


def read(path: str, raw: bytes, at: float) -> Notification:
    """What was posted.

    Raises:
        msgspec.MsgspecError: no JSON object.
    """
    body = _decode(raw)
    title, text = str(body.get("title", body.get("status", ""))), str(body.get("message", ""))
    if attachments := body.get("attachments"):
        title, text = attachments[0].get("title", ""), attachments[0].get("text", "")
    return Notification(at, path.strip("/"), title, text, body)


class Receiver:
    """Listens until closed; a context manager.

    Args:
        host: address to listen on.
        port: and port; 0 takes a free one.
        told: called with every notification, by a thread of its own.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, told: Callable[[Notification], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), BODY_BYTES_MAX)
                try:
                    told(read(self.path, self.rfile.read(length), time.time()))
                except msgspec.MsgspecError:
                    self.send_error(400)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as exc:
            raise ConfigurationError(
                f"notifications cannot be listened for on {host}:{port}: {exc.strerror or exc}; "
                "stop what is there, or choose another port"
            ) from exc
        self.url = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
