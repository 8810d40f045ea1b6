"""Every trap of a Grafana 9.4 and of grafana-api 1.0.3, met and avoided."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from sinks.grafana import client as under_test
from sinks.grafana.client import Client
from sinks.grafana.words import Answer, GrafanaError
from tests.sinks.grafana.standin import RECORDED, Grafana, running

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=UTF-8"}
LOGIN_PAGE = RECORDED["login page by API client"]["response"].encode()


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with running(Grafana()) as made:
        yield made


@pytest.fixture
def client(grafana: Grafana) -> Iterator[Client]:
    with Client(grafana.url, "glsa_editor") as made:
        yield made


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        ("notatoken", "invalid API key"),
        ("glsa_deleted", "invalid API key"),
        ("glsa_expired", "Expired API key"),
        ("admin:wrong", "invalid username or password"),
    ],
)
def test_a_wrong_credential_is_said_and_never_tried_again(
    grafana: Grafana, credential: str, said: str
) -> None:
    """A 401 and the 500 of a token that does not exist are one sentence; one request, for a lock awaits."""
    with Client(grafana.url, credential) as client, pytest.raises(GrafanaError) as caught:
        client.organization()

    assert said in caught.value.message
    assert "service account" in caught.value.message
    assert "lock" in caught.value.message
    assert len(grafana.seen) == 1


def test_a_role_too_small_says_which_it_takes(grafana: Grafana) -> None:
    """403 names what was refused, Grafana's own words, and the role."""
    with Client(grafana.url, "glsa_viewer") as client, pytest.raises(Answer) as caught:
        client.create_folder("watchroom", "Watchroom")

    assert caught.value.status == 403
    for words in ("may not make a folder", "additional permissions", "Editor", "Admin"):
        assert words in caught.value.message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(grafana: Grafana, client: Client, status: int) -> None:
    """A POST that is sent on would arrive as a GET and seem to succeed."""
    grafana.instead["/api/folders"] = (status, {"Location": f"{grafana.url}/api/health"}, b"")

    with pytest.raises(GrafanaError, match=r"sends on to .*/api/health.*grafana_url"):
        client.create_folder("watchroom", "Watchroom")
    assert [path for _, path, _ in grafana.seen] == ["/api/folders"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, HTML, LOGIN_PAGE),
        (502, HTML, b"<html>a proxy's own message</html>"),
        (503, JSON, b"null"),
        (500, JSON, b'"no message"'),
        (200, HTML, b""),
    ],
    ids=["log-in page", "proxy's page with the word message", "null", "a string", "nothing"],
)
def test_what_is_no_grafana_is_said(
    grafana: Grafana, client: Client, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Where grafana-api raises a bare TypeError or JSONDecodeError, there is a sentence."""
    grafana.instead["/api/org"] = (status, headers, body)

    with pytest.raises(GrafanaError, match=rf"no Grafana.*code {status}"):
        client.organization()


def test_a_server_that_is_no_grafana_is_found_by_its_health(grafana: Grafana, client: Client) -> None:
    """Before a token is shown to anybody, the one that asks for it must look like Grafana."""
    grafana.instead["/api/health"] = (200, JSON, b'{"status": "ok"}')
    with pytest.raises(GrafanaError, match="no Grafana"):
        client.version()
    grafana.instead["/api/health"] = (404, JSON, b'{"message": "Not found"}')
    with pytest.raises(GrafanaError, match="no Grafana"):
        client.version()


def test_nobody_there_is_said() -> None:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", "glsa_editor") as client,
        pytest.raises(GrafanaError, match=f"no Grafana answers at http://127.0.0.1:{port}.*running"),
    ):
        client.version()


def test_no_answer_in_time_is_said() -> None:
    """Somebody who listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with (
            Client(url, "glsa_editor", timeout_s=0.2) as client,
            pytest.raises(GrafanaError, match="nothing came within"),
        ):
            client.version()


def test_tls_where_there_is_none_is_said(grafana: Grafana) -> None:
    """Https to a server that speaks http."""
    with (
        Client(grafana.url.replace("http:", "https:"), "glsa_editor") as client,
        pytest.raises(GrafanaError, match="grafana_ca_file"),
    ):
        client.version()


def test_the_time_out_outlasts_a_new_tag() -> None:
    """On sqlite an annotation's update with a tag that is new takes 5.1 s; grafana-api gives up at 5.0."""
    assert under_test.TIMEOUT_S > 5.1
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def late() -> None:
            connection, _ = slow.accept()
            with connection:
                connection.recv(65_536)
                threading.Event().wait(5.2)
                body = json.dumps(RECORDED["annotation PATCH timeEnd"]["response"]).encode()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    + f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )

        thread = threading.Thread(target=late, daemon=True)
        thread.start()
        with Client(f"http://127.0.0.1:{slow.getsockname()[1]}", "glsa_editor") as client:
            assert client.change_annotation(1, 1, 2, "over")
        thread.join(timeout=10)


def test_what_is_asked_is_quoted(grafana: Grafana, client: Client) -> None:
    """A uid with a slash or a blank asks for that uid, not for another path."""
    client.folder("a b/c")
    client.datasource("a b/!")

    assert [path for _, path, _ in grafana.seen] == [
        "/api/folders/a%20b%2Fc",
        "/api/datasources/uid/a%20b%2F%21",
    ]


def test_an_update_of_an_annotation_leaves_its_tags(client: Client, grafana: Grafana) -> None:
    """grafana-api's own partial update sends an empty list of tags, and times that are null."""
    number = client.annotate("red", ["watchroom", "breach:x"], 1_000, 1_000)
    assert client.change_annotation(number, 1_000, 5_000, "closed")

    assert grafana.notes[number]["tags"] == ["watchroom", "breach:x"]
    assert (grafana.notes[number]["time"], grafana.notes[number]["timeEnd"]) == (1_000, 5_000)
    assert grafana.seen[-1][2] == {"time": 1_000, "timeEnd": 5_000, "text": "closed"}


def test_annotations_are_found_by_all_their_tags(client: Client) -> None:
    """The filter is Grafana's own, by tags; what has one of two is not found."""
    client.annotate("one", ["watchroom", "breach:1"], 1_000, 2_000)
    client.annotate("two", ["watchroom", "breach:2"], 3_000, 4_000)

    assert [n["text"] for n in client.annotations(["watchroom", "breach:2"], 10)] == ["two"]
    assert [n["text"] for n in client.annotations(["watchroom"], 10)] == ["two", "one"]


def test_what_is_gone_is_no_error(client: Client) -> None:
    """Somebody deleted an annotation by hand: that is said with False."""
    assert not client.change_annotation(99, 1_000, 5_000, "closed")
    assert not client.delete_annotation(99)


@pytest.mark.parametrize(
    ("url", "credential", "setting"),
    [
        ("grafana.example.org", "glsa_x", "grafana_url"),
        ("ftp://grafana", "glsa_x", "grafana_url"),
        ("http://host:port", "glsa_x", "grafana_url"),
        ("http://admin:secret@grafana", "glsa_x", "grafana_token_file"),
        ("http://grafana", " \n", "grafana_token_file"),
        ("http://grafana", "two words", "grafana_token_file"),
    ],
)
def test_settings_that_cannot_be_meant(url: str, credential: str, setting: str) -> None:
    """Each names the setting, and none shows the secret."""
    with pytest.raises(ConfigurationError, match=setting) as caught:
        Client(url, credential)
    assert "secret" not in caught.value.message.replace("http://admin:secret@grafana", "")


def test_a_grafana_under_a_path(grafana: Grafana) -> None:
    """`https://example.org/grafana/` asks below that path."""
    asked: list[Any] = grafana.seen
    grafana.instead["/grafana/api/health"] = (200, JSON, b'{"database": "ok", "version": "10.1.0"}')
    with Client(f"{grafana.url}/grafana/", "glsa_editor") as client:
        assert client.version() == "10.1.0"
    assert asked[0][1] == "/grafana/api/health"
