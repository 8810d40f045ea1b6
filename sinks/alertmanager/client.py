"""Alertmanager's API, version 2, as far as it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests

from schemas.errors import WatchroomError

TIMEOUT_S = (2.0, 5.0)


class Unreachable(WatchroomError):
    """No Alertmanager answers there, or it is not well."""


class NotTaken(WatchroomError):
    """Alertmanager says that what it was given is no alert."""


class Client:
    """One Alertmanager at an address, as ``http://127.0.0.1:9093``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()

    def post(self, alerts: Sequence[dict[str, object]]) -> None:
        """Give it alerts.

        Raises:
            Unreachable: it did not answer, or not well; try again.
            NotTaken: it will never take one of them.
        """
        self._ask("POST", "/api/v2/alerts", alerts)

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds.

        Raises:
            Unreachable: it did not answer.
        """
        found: list[dict[str, Any]] = self._ask("GET", "/api/v2/alerts", None).json()
        return found

    def receivers(self) -> list[str]:
        """The names of its receivers.

        Raises:
            Unreachable: it did not answer.
        """
        return [receiver["name"] for receiver in self._ask("GET", "/api/v2/receivers", None).json()]

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def _ask(self, method: str, path: str, body: Any) -> requests.Response:
        try:
            answer = self._session.request(method, self.url + path, json=body, timeout=TIMEOUT_S)
        except requests.RequestException as exc:
            raise Unreachable(
                f"no Alertmanager answers at {self.url} ({type(exc).__name__}): is it running, and is the "
                "setting alertmanagers right?"
            ) from exc
        if answer.status_code == 400:
            raise NotTaken(f"Alertmanager at {self.url} refuses: {answer.text[:300]}")
        if answer.status_code >= 300:
            raise Unreachable(f"Alertmanager at {self.url} answers {answer.status_code}: {answer.text[:300]}")
        return answer
