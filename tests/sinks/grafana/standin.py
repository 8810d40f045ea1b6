"""A server that answers as a Grafana 9.4 was recorded to: its codes and bodies are the recorded ones.

It keeps folders, dashboards, data sources and annotations, so that a second push meets the first. Where the
recorded Grafana has a trap (a title taken with overwrite, an update without a folder, an unknown token that
is a 500), it has it too: whoever falls in fails the test.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "grafana_9.4.json").read_text(encoding="utf-8")
)

Reply = tuple[int, Any]
ROLES = {"glsa_admin": "Admin", "glsa_editor": "Editor", "glsa_viewer": "Viewer"}


def recorded(case: str, **changed: Any) -> Reply:
    """The recorded answer of a case, with what this server's state makes different in it."""
    found = RECORDED[case]
    body = found.get("response", "")
    return found["status"], {**body, **changed} if changed else body


@dataclass
class Grafana:
    """The state of one Grafana, and every request that it got."""

    folders: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    instead: dict[str, Any] = field(default_factory=dict)
    """A path to what is answered there in place of all else: (code, headers, bytes)."""
    prometheus_down: bool = False
    url: str = ""

    @property
    def written(self) -> list[str]:
        """The writes it got: method and path."""
        return [f"{method} {path}" for method, path, _ in self.seen if method != "GET"]

    # -- who asks

    def answer(self, method: str, path: str, query: dict[str, list[str]], auth: str, body: Any) -> Reply:
        """The reply to one request."""
        if path == "/api/health":
            return recorded("health, no auth")
        kind, _, token = auth.partition(" ")
        if not auth:
            return recorded("org, no auth")
        if kind == "Basic":
            return recorded("org, wrong basic password")
        if token == "glsa_expired":
            return recorded("expired token")
        if token not in ROLES:
            known = "glsa_" in token
            return (
                recorded("org, wrong bearer token (base64 API-key shape)")
                if known
                else recorded("org, wrong bearer token (plain)")
            )
        parts = path.removeprefix("/api/").split("/")
        room = getattr(self, f"_{parts[0]}", None)
        if room is None:
            return recorded("unknown api route")
        found: Reply = room(method, [unquote(p) for p in parts[1:]], query, ROLES[token], body)
        return found

    def _org(self, method: str, parts: list[str], query: Any, role: str, body: Any) -> Reply:
        return recorded("org with editor token")

    # -- folders

    def _folders(self, method: str, parts: list[str], query: Any, role: str, body: Any) -> Reply:
        if method == "GET":
            if role == "Viewer" and not self.folders:
                return recorded("viewer lists folders")
            if parts[0] not in self.folders:
                return recorded("get folder, missing")
            return recorded("get folder", uid=parts[0], title=self.folders[parts[0]])
        assert method == "POST"
        if role == "Viewer":
            return recorded("viewer token creates folder")
        if body["uid"] in self.folders:
            return recorded("create folder, duplicate uid")
        titles = {t.lower() for t in self.folders.values()}
        titles |= {d["title"].lower() for u, d in self.dashboards.items() if not self.places[u]}
        if body["title"].lower() in titles:
            return recorded("create folder, duplicate title")
        self.folders[body["uid"]] = body["title"]
        return recorded("create folder with uid", uid=body["uid"], title=body["title"])

    # -- dashboards

    def _dashboards(self, method: str, parts: list[str], query: Any, role: str, body: Any) -> Reply:
        if method == "GET":
            return self._read_dashboard(parts[1])
        assert (method, parts) == ("POST", ["db"]), "nothing of a Grafana is ever deleted by a push"
        if role == "Viewer":
            return recorded("viewer token creates dashboard")
        return self._save(body)

    def _read_dashboard(self, uid: str) -> Reply:
        if uid in self.folders:
            return recorded("get a folder through the dashboards route")
        if uid not in self.dashboards:
            return recorded("get dashboard by uid, missing")
        status, whole = recorded("get dashboard by uid")
        meta = {
            **whole["meta"],
            "folderUid": self.places[uid],
            "version": self.dashboards[uid]["version"],
            "provisioned": uid in self.provisioned,
        }
        return status, {"meta": meta, "dashboard": self.dashboards[uid]}

    def _save(self, body: Any) -> Reply:
        dashboard, place = dict(body["dashboard"]), body.get("folderUid", "")
        uid, title = dashboard["uid"], dashboard["title"].lower()
        if place and place not in self.folders:
            return recorded("editor token creates in it 75 s later")
        same = [u for u, d in self.dashboards.items() if d["title"].lower() == title and u != uid]
        taken = [u for u in same if self.places[u] == place]
        stored = self.dashboards.get(uid)
        if stored is not None and not body["overwrite"] and dashboard.get("version") != stored["version"]:
            return recorded("update, old version, overwrite false")
        if taken and not body["overwrite"]:
            return recorded("d22 retitled to a taken title, overwrite false, right version")
        if taken:
            uid = taken[0]
            stored = self.dashboards[uid]
        version = (stored["version"] if stored else 0) + 1
        number = stored["id"] if stored else len(self.dashboards) + 1
        self.dashboards[uid] = {**dashboard, "uid": uid, "id": number, "version": version}
        self.places[uid] = place
        return recorded("create dashboard in folder", id=number, uid=uid, version=version)

    # -- data sources

    def _datasources(self, method: str, parts: list[str], query: Any, role: str, body: Any) -> Reply:
        if parts[:1] == ["proxy"]:
            down = "proxy by uid: target down"
            return recorded(down if self.prometheus_down else "proxy by uid: instant query")
        if method == "GET":
            found = self.sources.get(parts[1])
            return (200, found) if found else recorded("get data source by uid, missing")
        if role != "Admin":
            return recorded("editor token creates data source")
        if method == "POST":
            if body["uid"] in self.sources:
                return recorded("create data source, duplicate uid")
            if body["name"] in {s["name"] for s in self.sources.values()}:
                return recorded("create data source, duplicate name")
            status, whole = recorded("create data source")
            stored = {**whole["datasource"], "id": len(self.sources) + 1, "version": 1, **body}
        else:
            assert method == "PUT"
            before = self.sources[parts[1]]
            if 0 < body.get("version", 0) < before["version"]:
                return recorded("update data source with version 1 again (stored now 2)")
            status, whole = recorded("update data source by uid")
            stored = {**before, **body, "version": body.get("version", 0) + 1}
            # A PUT without them keeps them.
            stored["secureJsonFields"] = before["secureJsonFields"]
        self.sources[stored["uid"]] = stored
        return status, {**whole, "datasource": stored}

    # -- annotations

    def _annotations(
        self, method: str, parts: list[str], query: dict[str, list[str]], role: str, body: Any
    ) -> Reply:
        if method == "GET":
            wanted = set(query.get("tags", []))
            found = [n for n in self.notes.values() if wanted <= set(n["tags"])]
            newest = sorted(found, key=lambda n: -int(n["time"]))
            return 200, newest[: int(query.get("limit", ["100"])[0])]
        if role == "Viewer":
            return recorded("viewer token creates annotation (no dashboard)")
        if method == "POST":
            assert not parts, "mass-delete deletes every annotation of the organisation"
            if not body.get("text"):
                return recorded("annotation, no text")
            if not all(isinstance(body[k], int) for k in ("time", "timeEnd")):
                return recorded("annotation, time as a float")
            number = max(self.notes, default=0) + 1
            _, whole = recorded("annotation get by id")
            self.notes[number] = {**whole, **body, "id": number}
            return recorded("annotation, organisation-wide (no dashboard)", id=number)
        number = int(parts[0])
        if number not in self.notes:
            return recorded("annotation PATCH missing" if method == "PATCH" else "annotation DELETE again")
        if method == "DELETE":
            del self.notes[number]
            return recorded("annotation DELETE")
        assert method == "PATCH"
        note = self.notes[number]
        note.update(body)
        note["time"], note["timeEnd"] = sorted((note["time"], note["timeEnd"]))
        return recorded("annotation PATCH timeEnd")


def _handler(grafana: Grafana) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            body = json.loads(raw) if raw else None
            grafana.seen.append((self.command, self.path, body))
            if parts.path in grafana.instead:
                status, headers, sent = grafana.instead[parts.path]
            else:
                auth = self.headers.get("Authorization", "")
                status, answer = grafana.answer(self.command, parts.path, parse_qs(parts.query), auth, body)
                headers = {"Content-Type": "application/json"}
                sent = b"" if answer == "" else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    return Handler


@contextmanager
def running(grafana: Grafana) -> Iterator[Grafana]:
    """The server on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(grafana))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    grafana.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield grafana
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
