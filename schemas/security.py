"""How clients speak to Kafka: plain, over TLS, and as whom. One process speaks to one Kafka.

The settings say it once (``use``); every client of kafka-python and of aiokafka takes ``client_options()``,
whose names both share.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from schemas.errors import ConfigurationError
from schemas.settings import Settings

_options: dict[str, Any] = {}


def client_options() -> dict[str, Any]:
    """Keyword arguments of every client; none where Kafka is spoken to in plain words."""
    return dict(_options)


def use(settings: Settings) -> None:
    """Speak to Kafka from now on as these settings say.

    Raises:
        ConfigurationError: they cannot be meant together, or a file cannot be read.
    """
    _options.clear()
    _options.update(options_of(settings))


def options_of(settings: Settings) -> dict[str, Any]:
    """What ``use`` takes from settings.

    Raises:
        ConfigurationError: they cannot be meant together, or a file cannot be read.
    """
    protocol = settings.kafka_security
    if protocol == "PLAINTEXT":
        if settings.kafka_user or settings.kafka_ca_file:
            raise ConfigurationError(
                "kafka_user or kafka_ca_file is set while kafka_security is PLAINTEXT: say SASL_SSL or SSL"
            )
        return {}
    if not settings.broker:
        raise ConfigurationError(
            f"kafka_security is {protocol} and broker is empty: Watchroom's own Kafka is plain and listens "
            "on this machine alone; name the Kafka that is meant with broker"
        )
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _context(settings)
    if protocol.startswith("SASL"):
        if not settings.kafka_user or not settings.kafka_password_file:
            raise ConfigurationError(f"kafka_security is {protocol}: set kafka_user and kafka_password_file")
        password = _read("kafka_password_file", settings.kafka_password_file).strip("\r\n")
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": password,
        }
    return options


def _context(settings: Settings) -> ssl.SSLContext:
    """Verifies Kafka's certificate and name, always; shows our own where there is one."""
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file or None)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigurationError(
            f"setting kafka_ca_file: {settings.kafka_ca_file} is no readable PEM of certificates: {exc}"
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.kafka_cert_file:
        try:
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file or None)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigurationError(
                f"settings kafka_cert_file and kafka_key_file: no PEM of a certificate and its key: {exc}"
            ) from exc
    return context


def _read(setting: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        said = getattr(exc, "strerror", None) or "not text"
        raise ConfigurationError(f"setting {setting}: {path} cannot be read: {said}") from exc
