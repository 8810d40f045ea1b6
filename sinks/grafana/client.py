"""grafana-api 1.0.3 with its traps closed: one client, whose every error is a sentence.

What a Grafana answers, and where grafana-api breaks on it, was measured on a running Grafana 9.4
(tests/sinks/grafana/data). Closed here: redirects that turn a POST into a GET, bodies that are no JSON, the
unknown token that is a 500, the time-out of 5 s that loses to an annotation's update of 5.1 s, unquoted
paths. Nothing is asked twice: a 401 that is retried locks its user.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
from grafana_api.grafana_api import (
    GrafanaBadInputError,
    GrafanaException,
    GrafanaUnauthorizedError,
)
from grafana_api.grafana_face import GrafanaFace

from schemas.errors import ConfigurationError
from sinks.grafana.words import (
    TOKEN_HELP,
    Answer,
    GrafanaError,
    forbidden,
    not_grafana,
    redirected,
    refused_credential,
    unanswered,
)

TIMEOUT_S = 30.0
"""More than the 5.1 s that Grafana on sqlite takes to store an annotation's new tag."""

Object = dict[str, Any]


def _credential(said: str) -> str | tuple[str, str]:
    """A token, or ``user:password``; no token of Grafana's holds a colon."""
    said = said.strip()
    if not said or not said.isprintable() or " " in said:
        raise ConfigurationError(
            f"no token to show to Grafana, or one with blanks or line breaks: {TOKEN_HELP}"
        )
    user, colon, password = said.partition(":")
    return (user, password) if colon else said


class Client:
    """One Grafana. Every method asks once.

    Args:
        url: as a browser shows it, with a path where Grafana is served under one.
        credential: a service account's token, or ``user:password``.
        ca_file: certificates to trust instead of the system's, where Grafana's is one's own.
        timeout_s: the longest wait for an answer.

    Raises:
        ConfigurationError: the address or the credential cannot be meant.
    """

    def __init__(self, url: str, credential: str, *, ca_file: str = "", timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise ConfigurationError(
                f"setting grafana_url: {url!r} is no address like https://grafana.example.org or "
                "http://127.0.0.1:3000/grafana"
            )
        if parts.username or parts.password:
            raise ConfigurationError(
                "setting grafana_url holds a password, which ends in logs: put user:password into "
                "grafana_token_file instead"
            )
        self.url = url.rstrip("/")
        prefix = parts.path.strip("/")
        self._face = GrafanaFace(
            _credential(credential),
            host=f"[{host}]" if ":" in host else host,
            port=port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            verify=ca_file or True,
            timeout=timeout_s,
        )
        self._timeout_s = timeout_s
        session = self._face.api.s
        session.max_redirects = 0
        session.hooks["response"].append(self._readable)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connection."""
        self._face.api.s.close()

    def _readable(self, answer: requests.Response, *_: Any, **__: Any) -> None:
        """Refuse what grafana-api would trip over: HTML, and JSON that is neither an object nor a list."""
        if answer.is_redirect or (answer.status_code >= 400 and not answer.content):
            return
        kind = answer.headers.get("Content-Type", "no content type").split(";")[0]
        try:
            found = answer.json()
        except ValueError as exc:
            raise not_grafana(self.url, f"code {answer.status_code}, {kind} where JSON is due") from exc
        if not isinstance(found, dict | list):
            raise not_grafana(self.url, f"code {answer.status_code}, a JSON {json.dumps(found)[:40]}")

    def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        """Ask once, and turn whatever is raised into a sentence."""
        try:
            return ask()
        except GrafanaUnauthorizedError as exc:
            raise refused_credential(self.url, _said(exc)) from exc
        except GrafanaException as exc:
            raise self._answer(what, exc) from exc
        except requests.exceptions.TooManyRedirects as exc:
            to = exc.response.headers.get("Location", "") if exc.response is not None else ""
            raise redirected(self.url, to) from exc
        except requests.exceptions.SSLError as exc:
            raise unanswered(
                self.url,
                "no TLS that can be trusted: is it https, and is grafana_ca_file the authority's?",
            ) from exc
        except requests.exceptions.Timeout as exc:
            raise unanswered(self.url, f"nothing came within {self._timeout_s:.0f} s") from exc
        except requests.exceptions.ConnectionError as exc:
            raise unanswered(self.url, "the connection is refused, lost, or the name unknown") from exc
        except requests.exceptions.RequestException as exc:
            raise unanswered(self.url, str(exc)) from exc

    def _answer(self, what: str, exc: GrafanaException) -> GrafanaError:
        status = 400 if isinstance(exc, GrafanaBadInputError) else int(exc.status_code)
        said = _said(exc)
        if status == 500 and said == "invalid API key":
            return refused_credential(self.url, said)
        if status == 403:
            return forbidden(self.url, what, said)
        kind = exc.response.get("status", "") if isinstance(exc.response, dict) else ""
        return Answer(
            f"Grafana at {self.url} could not {what} (code {status}: {said or 'nothing said'})",
            status,
            said,
            str(kind),
        )

    def _maybe(self, what: str, ask: Callable[[], Any]) -> Object | None:
        """What is asked for, None where it is not there."""
        try:
            return _object(self._asked(what, ask))
        except Answer as exc:
            if exc.status == 404:
                return None
            raise

    # -- who it is

    def version(self) -> str:
        """Grafana's version, empty where it hides it; asks nothing of the credential."""
        try:
            found = self._asked("say how it is", lambda: self._face.api.GET("/health"))
        except Answer as exc:
            raise not_grafana(self.url, f"no /api/health: code {exc.status}") from exc
        if not isinstance(found, dict) or "database" not in found:
            raise not_grafana(self.url, "its /api/health is not Grafana's")
        return str(found.get("version", ""))

    def organization(self) -> str:
        """The name of the organisation that the credential is of: the test that it is good."""
        found = self._asked("say which organisation this is", lambda: self._face.api.GET("/org"))
        return str(_object(found).get("name", ""))

    # -- folders

    def folder(self, uid: str) -> Object | None:
        """A folder, None where it is not there."""
        return self._maybe("read folders", lambda: self._face.folder.get_folder(quote(uid, safe="")))

    def create_folder(self, uid: str, title: str) -> None:
        """Make a folder."""
        self._asked("make a folder", lambda: self._face.folder.create_folder(title, uid))

    # -- dashboards

    def dashboard(self, uid: str) -> Object | None:
        """``{meta, dashboard}`` of a dashboard (or of a folder: ``meta.isFolder``), None where none is."""
        return self._maybe("read dashboards", lambda: self._face.dashboard.get_dashboard(quote(uid, safe="")))

    def save_dashboard(self, dashboard: Object, folder_uid: str, message: str) -> str:
        """Save a dashboard; returns the uid it really got. Never overwrites what it was not told of.

        Args:
            dashboard: without ``id``; with the ``version`` that it replaces, without one when it is new.
            folder_uid: always said: without it Grafana moves a dashboard to General.
            message: for the list of versions.
        """
        assert "id" not in dashboard, "a numeric id may rename somebody else's dashboard"
        body = {"dashboard": dashboard, "folderUid": folder_uid, "message": message, "overwrite": False}
        found = self._asked("save a dashboard", lambda: self._face.dashboard.update_dashboard(body))
        return str(_object(found).get("uid", ""))

    # -- data sources (grafana-api knows none by uid)

    def datasource(self, uid: str) -> Object | None:
        """A data source, None where it is not there, or where the role may not see it."""
        path = f"/datasources/uid/{quote(uid, safe='')}"
        return self._maybe("read data sources", lambda: self._face.api.GET(path))

    def create_datasource(self, wanted: Object) -> None:
        """Make a data source."""
        self._asked("make a data source", lambda: self._face.datasource.create_datasource(wanted))

    def update_datasource(self, uid: str, wanted: Object) -> None:
        """Save a data source over the version it holds; secrets that are left out stay."""
        path = f"/datasources/uid/{quote(uid, safe='')}"
        self._asked("change a data source", lambda: self._face.api.PUT(path, json=wanted))

    def query(self, uid: str, promql: str) -> list[Object]:
        """An instant query through Grafana's proxy: the way its panels will go.

        Raises:
            Answer: 502 where Grafana does not reach the Prometheus behind it.
        """
        path = f"/datasources/proxy/uid/{quote(uid, safe='')}/api/v1/query?{urlencode({'query': promql})}"
        found = _object(self._asked("query a data source", lambda: self._face.api.GET(path)))
        result = found.get("data", {}).get("result", [])
        return result if isinstance(result, list) else []

    # -- annotations

    def annotations(self, tags: list[str], limit: int) -> list[Object]:
        """Annotations that carry all of these tags, newest first."""
        path = "/annotations?" + urlencode(
            [("type", "annotation"), ("limit", str(limit)), *(("tags", t) for t in tags)]
        )
        found = self._asked("read annotations", lambda: self._face.api.GET(path))
        return found if isinstance(found, list) else []

    def annotate(self, text: str, tags: list[str], start_ms: int, end_ms: int) -> int:
        """Make an annotation of the organisation, from one instant to another; returns its id."""
        body = {"time": start_ms, "timeEnd": end_ms, "tags": tags, "text": text}
        found = self._asked("make an annotation", lambda: self._face.api.POST("/annotations", json=body))
        return int(_object(found)["id"])

    def change_annotation(self, number: int, start_ms: int, end_ms: int, text: str) -> bool:
        """Change an annotation's times and text, and leave its tags; False where it is gone."""
        body = {"time": start_ms, "timeEnd": end_ms, "text": text}
        path = f"/annotations/{number}"
        what = "change an annotation"
        return self._maybe(what, lambda: self._face.api.PATCH(path, json=body)) is not None

    def delete_annotation(self, number: int) -> bool:
        """Delete one annotation by its number; False where it is gone already."""
        ask = self._face.annotations.delete_annotations_by_id
        return self._maybe("delete an annotation", lambda: ask(number)) is not None


def _object(found: Any) -> Object:
    return found if isinstance(found, dict) else {}


def _said(exc: GrafanaException) -> str:
    response = exc.response
    return str(response.get("message", "")) if isinstance(response, dict) else ""
