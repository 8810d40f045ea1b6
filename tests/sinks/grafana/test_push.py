"""`watchroom grafana push` against a server that answers as Grafana 9.4 did: made once, then left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.errors import WatchroomError
from sinks.grafana.pushing import check_version, difference, read_dashboards
from sinks.grafana.words import GrafanaError
from tests.sinks.grafana.standin import Grafana, running
from watchroom.cli import main_group


def dashboard(uid: str = "watchroom-one", **parts: Any) -> dict[str, Any]:
    variable = {"type": "datasource", "name": "datasource", "query": "prometheus"}
    made = {
        "uid": uid,
        "title": uid.replace("-", " ").title(),
        "tags": ["watchroom"],
        "refresh": "5s",
        "panels": [{"title": "One", "type": "stat"}],
        "templating": {"list": [variable]},
    }
    return {**made, **parts}


class Push:
    """The command, with its own folder of dashboards and its own Grafana."""

    def __init__(self, grafana: Grafana, folder: Path) -> None:
        self.grafana = grafana
        self.folder = folder
        self.dashboards = folder / "dashboards"
        self.dashboards.mkdir()
        self.put(dashboard())
        self.put(dashboard("watchroom-two"))

    def put(self, made: dict[str, Any]) -> None:
        (self.dashboards / f"{made['uid']}.json").write_text(json.dumps(made), encoding="utf-8")

    def run(self, *words: str, token: str = "glsa_admin") -> Result:
        """Run it with a token; errors come back as what was raised."""
        (self.folder / "token").write_text(f"{token}\n", encoding="utf-8")
        environment = {
            "WATCHROOM_GRAFANA_URL": self.grafana.url,
            "WATCHROOM_GRAFANA_TOKEN_FILE": str(self.folder / "token"),
        }
        return CliRunner().invoke(
            main_group, ["grafana", "push", "--dashboards", str(self.dashboards), *words], env=environment
        )

    def ok(self, *words: str, token: str = "glsa_admin") -> str:
        done = self.run(*words, token=token)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    def refused(self, *words: str, token: str = "glsa_admin") -> str:
        """The sentence of what was not done; nothing was written."""
        before = len(self.grafana.written)
        done = self.run(*words, token=token)
        assert isinstance(done.exception, WatchroomError), done.output
        assert len(self.grafana.written) == before
        return done.exception.message


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Push]:
    with running(Grafana()) as grafana:
        yield Push(grafana, tmp_path)


def first(push: Push) -> None:
    push.ok("--prometheus-url", "http://prometheus:9090")
    push.grafana.seen.clear()


def test_a_dry_run_says_what_would_change_and_writes_nothing(push: Push) -> None:
    """All of it is new, and no request but questions was sent."""
    said = push.ok("--dry-run", "--prometheus-url", "http://prometheus:9090")

    assert "+ folder Watchroom [watchroom] (not there)" in said
    assert "+ data source Watchroom Prometheus [watchroom-prometheus] (not there)" in said
    assert "+ dashboard Watchroom One [watchroom-one] (not there)" in said
    assert "would make 4, change 0, leave 0; nothing was changed" in said
    assert push.grafana.written == []


def test_a_push_makes_all_and_the_next_makes_nothing(push: Push) -> None:
    """Every save would be a version: what is as wanted is not saved again."""
    said = push.ok("--prometheus-url", "http://prometheus:9090")
    assert "made 4, changed 0, left 0" in said
    assert "Grafana reaches Prometheus" in said
    assert push.grafana.places == {"watchroom-one": "watchroom", "watchroom-two": "watchroom"}
    assert not push.grafana.sources["watchroom-prometheus"]["isDefault"]
    stored = push.grafana.dashboards["watchroom-one"]
    assert stored["templating"]["list"][0]["current"]["value"] == "watchroom-prometheus"
    push.grafana.seen.clear()

    again = push.ok("--prometheus-url", "http://prometheus:9090")
    assert "made 0, changed 0, left 4" in again
    assert push.grafana.written == []
    assert {d["version"] for d in push.grafana.dashboards.values()} == {1}


def test_a_change_is_named_and_saved_over_the_version_it_was_seen_at(push: Push) -> None:
    """One dashboard changed: one request, with its version and its folder, and no overwriting."""
    first(push)
    push.put(dashboard(panels=[{"title": "Other", "type": "stat"}]))
    assert "~ dashboard Watchroom One [watchroom-one] (panels)" in push.ok("--dry-run")
    assert push.grafana.written == []

    assert "made 0, changed 1, left 3" in push.ok()
    assert push.grafana.written == ["POST /api/dashboards/db"]
    (body,) = [b for m, _, b in push.grafana.seen if m == "POST"]
    assert (body["overwrite"], body["folderUid"], body["dashboard"]["version"]) == (False, "watchroom", 1)
    assert "id" not in body["dashboard"]
    assert push.grafana.dashboards["watchroom-one"]["version"] == 2


def test_a_dashboard_that_was_moved_stays_where_it_is(push: Push) -> None:
    """An update without its folder would move it to General; one with ours, back."""
    first(push)
    push.grafana.folders["fire"] = "Fire"
    push.grafana.places["watchroom-one"] = "fire"
    push.grafana.places["watchroom-two"] = ""
    push.put(dashboard(refresh="1m"))
    push.put(dashboard("watchroom-two", refresh="1m"))
    push.ok()

    assert push.grafana.places == {"watchroom-one": "fire", "watchroom-two": ""}


def test_a_refresh_that_grafana_lengthened_is_no_difference(push: Push) -> None:
    """min_refresh_interval raises it on every save; a push would make a version each time."""
    first(push)
    push.grafana.dashboards["watchroom-one"]["refresh"] = "1m"
    assert "made 0, changed 0, left 4" in push.ok()
    assert difference({"refresh": "1m"}, {"refresh": "5s"}) == "refresh"


def test_a_taken_title_replaces_nothing(push: Push) -> None:
    """With overwrite Grafana would replace the other dashboard and keep its uid."""
    first(push)
    push.grafana.dashboards["theirs"] = {
        **dashboard("theirs"),
        "title": "watchroom THREE",
        "id": 9,
        "version": 4,
    }
    push.grafana.places["theirs"] = "watchroom"
    before = json.dumps(push.grafana.dashboards["theirs"])
    push.put(dashboard("watchroom-three"))
    done = push.run()

    assert isinstance(done.exception, WatchroomError)
    assert "is called 'Watchroom Three' already" in done.exception.message
    assert "--folder UID" in done.exception.message
    assert json.dumps(push.grafana.dashboards["theirs"]) == before
    assert "watchroom-three" not in push.grafana.dashboards


def test_a_reply_with_another_uid_is_an_error(push: Push) -> None:
    """Whatever a Grafana did, what it saved under is compared with what was sent."""
    answer = {"id": 1, "slug": "x", "status": "success", "uid": "other", "url": "/d/other/x", "version": 2}
    push.grafana.instead["/api/dashboards/db"] = (
        200, {"Content-Type": "application/json"}, json.dumps(answer).encode(),
    )  # fmt: skip
    done = push.run("--prometheus-url", "http://prometheus:9090")

    assert isinstance(done.exception, GrafanaError)
    assert "under the uid other, not watchroom-one" in done.exception.message


def test_what_is_not_ours_is_left(push: Push) -> None:
    """A uid that another dashboard has, or a folder, or a file: refused before anything is written."""
    first(push)
    push.grafana.dashboards["watchroom-one"]["tags"] = ["theirs"]
    assert "does not carry the tag watchroom" in push.refused()
    push.grafana.dashboards["watchroom-one"]["tags"] = ["watchroom"]
    push.put(dashboard(refresh="1m"))
    push.grafana.provisioned.add("watchroom-one")
    assert "provisioned by a file" in push.refused()
    push.grafana.provisioned.clear()
    del push.grafana.dashboards["watchroom-one"]
    push.grafana.folders["watchroom-one"] = "A folder"
    assert "is not Watchroom's and stays" in push.refused()


def test_a_folder_that_is_there_keeps_its_title(push: Push) -> None:
    """Somebody renamed it; its uid is what counts."""
    push.grafana.folders["watchroom"] = "Feuerwehr"
    said = push.ok("--prometheus-url", "http://prometheus:9090")

    assert "= folder Feuerwehr [watchroom]" in said
    assert push.grafana.folders == {"watchroom": "Feuerwehr"}


def test_a_folder_title_that_is_taken_says_what_to_do(push: Push) -> None:
    """Another folder has it, in other letters."""
    push.grafana.folders["theirs"] = "WATCHROOM"
    done = push.run("--prometheus-url", "http://prometheus:9090")

    assert isinstance(done.exception, WatchroomError)
    assert "--folder-title" in done.exception.message
    assert push.grafana.dashboards == {}


def test_the_data_source_needs_admin_or_a_name(push: Push) -> None:
    """An editor may do all but make it; one that is there may be named."""
    assert "--prometheus-url" in push.refused(token="glsa_editor")
    done = push.run("--prometheus-url", "http://prometheus:9090", token="glsa_editor")
    assert isinstance(done.exception, WatchroomError)
    assert "may not make a data source" in done.exception.message

    push.grafana.sources["mine"] = {"uid": "mine", "name": "Mine", "type": "prometheus", "url": "http://p"}
    said = push.ok("--datasource", "mine", token="glsa_editor")
    assert "= data source Mine [mine]" in said
    assert "is not Watchroom's" in push.refused("--datasource", "mine", "--prometheus-url", "http://q")
    push.grafana.sources["mine"]["type"] = "loki"
    assert "not Prometheus" in push.refused("--datasource", "mine")


def test_a_moved_prometheus_keeps_what_the_operator_set(push: Push) -> None:
    """Url alone changes: default, secrets and options stay, over the version that was seen."""
    first(push)
    stored = push.grafana.sources["watchroom-prometheus"]
    stored.update(isDefault=True, version=3, secureJsonFields={"httpHeaderValue1": True}, basicAuthUser="u")
    said = push.ok("--prometheus-url", "http://other:9090")

    assert "~ data source" in said
    assert "url http://prometheus:9090 becomes http://other:9090" in said
    now = push.grafana.sources["watchroom-prometheus"]
    assert (now["url"], now["isDefault"], now["version"], now["basicAuthUser"]) == (
        "http://other:9090", True, 4, "u",
    )  # fmt: skip
    assert now["secureJsonFields"] == {"httpHeaderValue1": True}
    assert "made 0, changed 0" in push.ok("--prometheus-url", "http://other:9090")


def test_a_runbook_is_a_link_of_every_dashboard(push: Push) -> None:
    """Given once, kept by the next push that gives it, and gone with one that does not."""
    first(push)
    words = ("--runbook-url", "https://wiki.example.org/runbook")
    assert "changed 2" in push.ok(*words)
    assert push.grafana.dashboards["watchroom-one"]["links"][-1]["url"] == words[1]
    assert "changed 0" in push.ok(*words)
    assert "changed 2" in push.ok()


def test_a_viewer_changes_nothing(push: Push) -> None:
    """Its first write is refused, in words."""
    assert "may not read folders" in push.refused(token="glsa_viewer")


def test_a_prometheus_that_grafana_cannot_reach_is_said(push: Push) -> None:
    """The proxy's 502 has an empty body; the dashboards are there all the same."""
    push.grafana.prometheus_down = True
    assert "does not reach the Prometheus" in push.ok("--prometheus-url", "http://prometheus:9090")


def test_a_dashboard_made_by_someone_at_the_same_moment_is_not_overwritten(
    push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    """412, version-mismatch: nobody's work is lost, and a second run finds it."""
    first(push)
    push.put(dashboard(refresh="1m"))
    stored = push.grafana.dashboards["watchroom-one"]
    real = push.grafana._save

    def beaten(body: Any) -> Any:
        stored["version"] = 7
        return real(body)

    monkeypatch.setattr(push.grafana, "_save", beaten)
    done = push.run()
    assert isinstance(done.exception, WatchroomError)
    assert "at the same moment" in done.exception.message
    assert stored["refresh"] == "5s"


@pytest.mark.parametrize("said", ["9.3.16", "8.5.27", "7.0.0"])
def test_a_grafana_that_is_too_old_is_said(push: Push, said: str) -> None:
    """Before a token is shown or anything read."""
    health = json.dumps({"database": "ok", "version": said}).encode()
    push.grafana.instead["/api/health"] = (200, {"Content-Type": "application/json"}, health)

    assert f"this is Grafana {said}, and the dashboards need 9.4" in push.refused()
    assert len(push.grafana.seen) == 1


def test_versions_that_will_do() -> None:
    """9.4 and later; where it is hidden there is a remark."""
    assert [check_version(v) for v in ("9.4.0-pre", "9.5.21", "10.0.0", "12.3.1")] == ["", "", "", ""]
    assert "does not tell" in check_version("")


@pytest.mark.parametrize(
    "broken",
    [{"uid": "x" * 41}, {"uid": "a b"}, {"title": " "}, {"tags": ["other"]}],
    ids=["long uid", "uid with a blank", "no title", "not ours"],
)
def test_files_that_are_no_dashboards_of_ours(tmp_path: Path, broken: dict[str, Any]) -> None:
    """Refused by name before anything is asked."""
    (tmp_path / "one.json").write_text(json.dumps({**dashboard(), **broken}), encoding="utf-8")
    with pytest.raises(WatchroomError, match=r"one\.json"):
        read_dashboards(tmp_path)


def test_an_empty_folder_of_dashboards_is_said(tmp_path: Path) -> None:
    """Nothing to push is a mistake."""
    with pytest.raises(WatchroomError, match="no dashboard"):
        read_dashboards(tmp_path)
