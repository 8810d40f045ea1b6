"""What to push, what that would change, and doing it: nothing is written that is as wanted already."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from schemas.errors import ConfigurationError, Refused
from sinks.grafana.client import Client, Object
from sinks.grafana.words import Answer, GrafanaError

TAG = "watchroom"
"""Every dashboard of ours carries it; one without it is somebody else's, and stays."""
OLDEST = (9, 4)
DATASOURCE_UID = "watchroom-prometheus"
DATASOURCE_NAME = "Watchroom Prometheus"
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SPAN = re.compile(r"(\d+)(ms|s|m|h|d)")
_SPANS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class What(StrEnum):
    """What a push does with one thing."""

    CREATE = "create"
    UPDATE = "update"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a push is to bring about.

    Attributes:
        folder_uid: made with ``folder_title`` where it is not there; the title of one that is there stays.
        datasource_uid: the data source that the dashboards ask.
        prometheus_url: makes that data source, or moves it there; empty: it must be there.
        dashboards: by uid.
    """

    folder_uid: str
    folder_title: str
    datasource_uid: str
    prometheus_url: str
    dashboards: Mapping[str, Object]
    runbook_url: str = ""
    """Where people read docs/runbook.md: a link on every dashboard; empty: none."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing and what becomes of it; ``why`` names what differs."""

    kind: str
    uid: str
    title: str
    what: What
    why: str
    do: Callable[[], None]


def read_dashboards(folder: Path) -> dict[str, Object]:
    """The dashboards of a folder, by uid.

    Raises:
        ConfigurationError: no file, or one that is no dashboard of ours.
    """
    found: dict[str, Object] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            dashboard = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise ConfigurationError(f"{path}: cannot be read as JSON: {exc}") from exc
        uid, title = _named(dashboard)
        if not _UID.fullmatch(uid) or not title.strip() or TAG not in dashboard.get("tags", []):
            raise ConfigurationError(
                f"{path}: a dashboard needs a title, the tag {TAG}, and a uid of 1 to 40 letters, digits, "
                "- and _"
            )
        if uid in found:
            raise ConfigurationError(f"{path}: another file has the uid {uid} too")
        found[uid] = dashboard
    if not found:
        raise ConfigurationError(f"{folder}: no dashboard (*.json) in it; --dashboards names another folder")
    return found


def _named(dashboard: Any) -> tuple[str, str]:
    if not isinstance(dashboard, dict):
        return "", ""
    return str(dashboard.get("uid", "")), str(dashboard.get("title", ""))


def check_version(said: str) -> str:
    """Judge Grafana's version; returns a remark for people, empty where there is none.

    Raises:
        GrafanaError: it is older than what the dashboards were drawn for.
    """
    numbers = re.match(r"(\d+)\.(\d+)", said)
    if numbers is None:
        return "Grafana does not tell its version; 9.4 is the oldest these dashboards were tried on."
    if (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise GrafanaError(
            f"this is Grafana {said}, and the dashboards need {OLDEST[0]}.{OLDEST[1]} or later: upgrade it; "
            "Prometheus and Alertmanager go on without"
        )
    return ""


class Push:
    """One push: ``changes`` reads and says, ``Change.do`` writes.

    Raises:
        GrafanaError: Grafana does not answer, or will not.
        Refused: what is there is not ours to change.
    """

    def __init__(self, client: Client, wanted: Wanted) -> None:
        self._client = client
        self._wanted = wanted

    def changes(self) -> Iterator[Change]:
        """What would change, in the order in which it must be done: folder, data source, dashboards."""
        yield self._folder()
        yield self._datasource()
        for uid, dashboard in self._wanted.dashboards.items():
            yield self._dashboard(uid, dashboard)

    # -- the folder

    def _folder(self) -> Change:
        uid, title = self._wanted.folder_uid, self._wanted.folder_title
        found = self._client.folder(uid)
        if found is not None:
            return Change("folder", uid, str(found.get("title", title)), What.SAME, "", _nothing)
        return Change("folder", uid, title, What.CREATE, "not there", self._make_folder)

    def _make_folder(self) -> None:
        uid, title = self._wanted.folder_uid, self._wanted.folder_title
        try:
            self._client.create_folder(uid, title)
        except Answer as exc:
            # Somebody else may have made it between our look and our word.
            if exc.status in (412, 500) and self._client.folder(uid) is not None:
                return
            if exc.status in (400, 409):
                raise Refused(
                    f"Grafana cannot make the folder {title!r} ({exc.said}): another folder, or a dashboard "
                    "outside of folders, has that title; choose one with --folder-title, or use a folder "
                    "that is there with --folder UID"
                ) from exc
            raise

    # -- the data source

    def _datasource(self) -> Change:
        uid, url = self._wanted.datasource_uid, self._wanted.prometheus_url
        found = self._client.datasource(uid)
        if found is None:
            if not url:
                raise Refused(
                    f"Grafana has no data source with the uid {uid} that this role may see: --prometheus-url "
                    "URL makes one (URL as Grafana reaches Prometheus; needs the role Admin), --datasource "
                    "UID uses one that is there"
                )
            return Change("data source", uid, DATASOURCE_NAME, What.CREATE, "not there", self._make_source)
        name = str(found.get("name", uid))
        if found.get("type") != "prometheus":
            raise Refused(
                f"the data source {name!r} ({uid}) is of the type {found.get('type')!r}, not Prometheus: "
                "name another with --datasource"
            )
        if not url or found.get("url") == url:
            return Change("data source", uid, name, What.SAME, "", _nothing)
        why = f"url {found.get('url')} becomes {url}"
        if uid != DATASOURCE_UID:
            raise Refused(
                f"the data source {name!r} ({uid}) is not Watchroom's, and would be changed ({why}): leave "
                "--prometheus-url out to use it as it is, or --datasource out to have one of our own"
            )
        return Change("data source", uid, name, What.UPDATE, why, lambda: self._move_source(found))

    def _make_source(self) -> None:
        wanted = {
            "uid": self._wanted.datasource_uid,
            "name": DATASOURCE_NAME,
            "type": "prometheus",
            "access": "proxy",
            "url": self._wanted.prometheus_url,
            "isDefault": False,
            # As often as the shipped Prometheus scrapes: $__rate_interval is made of it.
            "jsonData": {"timeInterval": "5s", "httpMethod": "POST"},
        }
        try:
            self._client.create_datasource(wanted)
        except Answer as exc:
            if exc.status == 409:
                raise Refused(
                    f"Grafana cannot make the data source {DATASOURCE_NAME!r} ({exc.said}): use the one that "
                    "is there with --datasource UID, or rename it"
                ) from exc
            raise

    def _move_source(self, found: Object) -> None:
        # All that the operator set stays, secrets too; the version says what it is over.
        kept = {k: v for k, v in found.items() if k not in ("id", "readOnly", "secureJsonFields")}
        try:
            self._client.update_datasource(
                self._wanted.datasource_uid, {**kept, "url": self._wanted.prometheus_url}
            )
        except Answer as exc:
            if exc.status in (403, 409) or found.get("readOnly"):
                raise Refused(
                    f"Grafana does not change the data source {found.get('name')!r} ({exc.said}): it was "
                    "provisioned by a file, or somebody changed it at the same moment; run this again"
                ) from exc
            raise

    # -- dashboards

    def _dashboard(self, uid: str, dashboard: Object) -> Change:
        wanted = with_source(dashboard, self._wanted.datasource_uid)
        if self._wanted.runbook_url:
            wanted["links"] = [*wanted.get("links", []), runbook(self._wanted.runbook_url)]
        title = str(dashboard["title"])
        found = self._client.dashboard(uid)
        if found is None:

            def create() -> None:
                self._save(uid, wanted, self._wanted.folder_uid)

            return Change("dashboard", uid, title, What.CREATE, "not there", create)
        meta, stored = found.get("meta", {}), found.get("dashboard", {})
        if meta.get("isFolder") or TAG not in (stored.get("tags") or []):
            raise Refused(
                f"the uid {uid} is taken in Grafana by {stored.get('title')!r}, which does not carry the tag "
                f"{TAG}: it is not Watchroom's and stays; rename its uid, or give it the tag if it is ours"
            )
        why = difference(wanted, stored)
        if not why:
            return Change("dashboard", uid, title, What.SAME, "", _nothing)
        if meta.get("provisioned"):
            raise Refused(
                f"the dashboard {title!r} ({uid}) was provisioned by a file, which alone can change it: put "
                "the new file there instead of pushing"
            )
        # Where an operator moved it, it stays.
        place = str(meta.get("folderUid") or "")
        version = stored.get("version", meta.get("version"))

        def update() -> None:
            self._save(uid, {**wanted, "version": version}, place)

        return Change("dashboard", uid, title, What.UPDATE, why, update)

    def _save(self, uid: str, dashboard: Object, folder_uid: str) -> None:
        title = dashboard["title"]
        try:
            got = self._client.save_dashboard(dashboard, folder_uid, "watchroom grafana push")
        except Answer as exc:
            if exc.kind == "version-mismatch":
                raise Refused(
                    f"somebody saved the dashboard {title!r} ({uid}) at the same moment: run this again"
                ) from exc
            if exc.kind in ("name-exists", "name-match"):
                raise Refused(
                    f"another dashboard or folder is called {title!r} already, and nothing of it was "
                    "changed: rename it, or use another folder with --folder UID"
                ) from exc
            if exc.said == "Error while checking folder ID" or exc.said == "Folder not found":
                raise Refused(
                    f"this role may not see the folder {folder_uid}, or it is gone ({exc.said}): name "
                    "another with --folder, or give the service account the right to edit it"
                ) from exc
            raise
        if got != uid:
            raise GrafanaError(
                f"Grafana saved the dashboard {title!r} under the uid {got}, not {uid}: look there, its "
                "versions hold what was before"
            )


def _nothing() -> None:
    """What is as wanted is left alone."""


def with_source(dashboard: Object, uid: str) -> Object:
    """A dashboard whose data source variable stands at this one."""
    made: Object = json.loads(json.dumps(dashboard))
    for variable in made.get("templating", {}).get("list", []):
        if variable.get("type") == "datasource":
            variable["current"] = {"selected": True, "text": uid, "value": uid}
    made.pop("id", None)
    made.pop("version", None)
    return made


def runbook(url: str) -> Object:
    """A dashboard's link to the runbook, as Grafana has links."""
    return {
        "title": "Runbook",
        "type": "link",
        "url": url,
        "icon": "doc",
        "tooltip": "What to do about each alert",
        "targetBlank": True,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
    }


def difference(wanted: Object, stored: Object) -> str:
    """What differs, by the names of a dashboard's parts; empty where it is the same.

    ``id`` and ``version`` are Grafana's own; a ``refresh`` shorter than it allows it lengthens.
    """
    parts = []
    for part in sorted((wanted.keys() | stored.keys()) - {"id", "version"}):
        ours, theirs = wanted.get(part), stored.get(part)
        if ours == theirs or (part == "refresh" and _seconds(theirs) > _seconds(ours)):
            continue
        parts.append(part)
    return ", ".join(parts)


def _seconds(said: Any) -> float:
    found = _SPAN.fullmatch(str(said or ""))
    return int(found[1]) * _SPANS_S[found[2]] if found else 0.0
