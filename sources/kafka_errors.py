"""kafka-python's errors as the few that a person meets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import KafkaError

from schemas.errors import BrokerUnreachable
from schemas.refusal import refusal, unreachable


@contextmanager
def in_words(bootstrap: str) -> Iterator[None]:
    """Turn what kafka-python raises into one sentence.

    Raises:
        BrokerUnreachable: nothing answers at ``bootstrap``, or it stopped answering.
    """
    try:
        yield
    except KafkaError as exc:
        if said := refusal(bootstrap, exc):
            raise BrokerUnreachable(f"{bootstrap}: {said}") from exc
        raise unreachable(bootstrap, type(exc).__name__) from exc
    except (OSError, ValueError) as exc:
        # A host that does not resolve, a port that is no number.
        raise unreachable(bootstrap, getattr(exc, "strerror", None) or str(exc)) from exc
