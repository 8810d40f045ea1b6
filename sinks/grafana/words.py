"""What a Grafana answers instead of what was asked, each in one sentence that says what to do."""

from __future__ import annotations

from schemas.errors import WatchroomError

TOKEN_HELP = (
    "make a service account in Grafana (Administration, Service accounts; role Editor, and Admin where the "
    "data source is to be made), add a token to it, and name the file it stands in as grafana_token_file "
    "(WATCHROOM_GRAFANA_TOKEN_FILE)"
)


class GrafanaError(WatchroomError):
    """A Grafana does not answer, or answers that it will not."""

    exit_code = 7


class Answer(GrafanaError):
    """An answer with a code of 400 and more, whose meaning depends on what was asked.

    Attributes:
        status: the HTTP status.
        said: Grafana's own words.
        kind: Grafana's name for it (``version-mismatch``, ``name-exists``, ...), often empty.
    """

    def __init__(self, message: str, status: int, said: str, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.said = said
        self.kind = kind


def refused_credential(url: str, said: str) -> GrafanaError:
    """The token, or user and password, are wrong; an unknown token is a 500 in Grafana 9.4."""
    return GrafanaError(
        f"Grafana at {url} does not accept the credential ({said}): {TOKEN_HELP}. It was tried once and is "
        "not tried again, because a few wrong passwords lock a user for minutes"
    )


def forbidden(url: str, what: str, said: str) -> Answer:
    """The credential is good and its role too small."""
    return Answer(
        f"Grafana at {url} knows the credential, and it may not {what} ({said}): give its service account "
        "the role Editor for folders, dashboards and annotations, Admin for the data source (or name one "
        "that is there with --datasource)",
        403,
        said,
    )


def unanswered(url: str, why: str) -> GrafanaError:
    """Nobody answers."""
    return GrafanaError(f"no Grafana answers at {url} ({why}): is it running, and is grafana_url right?")


def not_grafana(url: str, why: str) -> GrafanaError:
    """Somebody answers, and it is no Grafana's interface."""
    return GrafanaError(
        f"what answers at {url} is no Grafana ({why}): give grafana_url as a browser shows it, with the path "
        "before /d or /login, if there is one, and past any page that asks for a log-in of its own"
    )


def redirected(url: str, to: str) -> GrafanaError:
    """A redirect would turn what is to be written into a question, so none is followed."""
    return GrafanaError(
        f"Grafana at {url} sends on to {to or 'another address'}: set grafana_url to that one. A redirect is "
        "never followed, for it would turn a change into a mere question"
    )
