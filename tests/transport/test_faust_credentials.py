"""What Faust's own clients are told of TLS and users is what ours are told."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from streams.app import _credentials

CONTEXT = ssl.create_default_context()
SASL = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "u", "sasl_plain_password": "p"}


@pytest.mark.parametrize(
    "options",
    [
        {"security_protocol": "SASL_SSL", "ssl_context": CONTEXT, **SASL},
        {"security_protocol": "SASL_PLAINTEXT", **SASL},
        {"security_protocol": "SSL", "ssl_context": CONTEXT},
        {},
    ],
    ids=["sasl over tls", "sasl", "tls", "plain"],
)
def test_faust_is_told_what_our_clients_are(options: dict[str, Any]) -> None:
    """Its words for aiokafka come to ours."""
    told = dict(credentials_to_aiokafka_auth(_credentials(options)))
    if told.get("ssl_context") is None:
        told.pop("ssl_context", None)

    assert told == (options or {"security_protocol": "PLAINTEXT"})
