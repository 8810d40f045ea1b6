"""Settings: flags over environment (``WATCHROOM_...``) over ``watchroom.toml`` over the defaults here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

from platformdirs import user_state_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from schemas.errors import ConfigurationError
from schemas.series import GROUPED

_ADDRESS = re.compile(r"([^\s:\[\]]+|\[[^\s\[\]]+\]):[0-9]{1,5}")
_PORT_MAX = 65_535


def _seen(look: Callable[[], bool]) -> bool:
    """What a look at a path says; no where this user may not look."""
    try:
        return look()
    except OSError:
        return False


ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds ``schemas/``: the checkout, or site-packages."""


class Settings(BaseSettings):
    """All of Watchroom's settings. Units last in a name."""

    model_config = SettingsConfigDict(env_prefix="WATCHROOM_", extra="forbid", frozen=True, toml_file=None)

    toml: ClassVar[Path | None] = None

    state_dir: Path = Field(
        default_factory=lambda: user_state_path("watchroom"),
        description="Folder for the broker's data, logs and what `watchroom up` remembers.",
    )
    broker: str = Field(
        default="",
        description="Bootstrap servers of a Kafka to use, host:port. Empty: Watchroom starts one of its own.",
    )
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="How Kafka is spoken to: plainly, with TLS (SSL), with a user (SASL), or with both.",
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        default="SCRAM-SHA-512", description="How the user shows the password."
    )
    kafka_user: str = Field(default="", description="The user, where kafka_security begins with SASL.")
    kafka_password_file: str = Field(
        default="", description="File that holds the user's password, and nothing else."
    )
    kafka_ca_file: str = Field(
        default="", description="Certificates to trust for it, PEM. Empty: the system's authorities."
    )
    kafka_cert_file: str = Field(
        default="", description="Our own certificate, PEM, where Kafka asks clients for one."
    )
    kafka_key_file: str = Field(default="", description="Its key, PEM, where it is not in the same file.")
    broker_port: int = Field(
        default=0, ge=0, le=65535, description="Port of Watchroom's own Kafka; 0 takes a free one."
    )
    broker_heap_mb: int = Field(default=512, ge=256, description="Java heap of Watchroom's own Kafka, MiB.")
    agencies_dir: Path = Field(
        default=ROOT / "deploy" / "agencies", description="Folder of agencies' files (ID.toml)."
    )
    partitions: int = Field(
        default=4,
        ge=1,
        le=512,
        description="Partitions of incident.events and its changelog, chosen before the first start. At most "
        "as many workers of stage one have work.",
    )
    result_partitions: int = Field(
        default=4,
        ge=1,
        le=512,
        description="Partitions of every result topic. At most as many workers of stage two have work; "
        "`watchroom rebuild` changes it.",
    )
    replication: int = Field(
        default=1, ge=1, le=9, description="Replication factor of topics Watchroom creates."
    )
    commit_interval_s: float = Field(
        default=1.0, gt=0, le=10, description="Seconds between commits of a transaction."
    )
    transaction_timeout_s: float = Field(
        default=60.0, ge=2, description="Kafka's transaction time-out, seconds."
    )
    session_timeout_s: float = Field(
        default=6.0, ge=6, description="Kafka's group session time-out, seconds."
    )
    fetch_max_wait_ms: int = Field(
        default=50, ge=1, le=5000, description="Longest wait of a fetch, milliseconds."
    )
    max_poll_records: int = Field(
        default=20_000, ge=1, description="Most records that a worker takes at once."
    )
    evict_after_days: int = Field(
        default=40, ge=2, description="Days after its last event that an incident's state is kept."
    )
    place_key: SecretStr = Field(
        default=SecretStr(""),
        description="Secret that places are hashed with, the same for all workers, best from the environment "
        "(WATCHROOM_PLACE_KEY). Empty: addresses are forgotten and repeat encounters are not counted.",
    )
    exporter_host: str = Field(default="127.0.0.1", description="Address the Prometheus exporter listens on.")
    exporter_port: int = Field(default=9108, ge=0, le=65535, description="Its port; 0 takes a free one.")
    exporter_breakdowns: str = Field(
        default=",".join(GROUPED),
        pattern=f"^(({'|'.join(GROUPED)})(,|$))*$",
        description="Breakdowns whose groups Prometheus is shown, separated by commas. Fewer make a large "
        "installation's scrape short, and leave the panels of the others empty.",
    )
    grafana_url: str = Field(
        default="", description="Grafana's address as a browser shows it, for `watchroom grafana`."
    )
    grafana_token_file: str = Field(
        default="",
        description="File that holds a service account's token for it (or user:password), and nothing else.",
    )
    grafana_ca_file: str = Field(
        default="", description="Certificates to trust for it, PEM. Empty: the public authorities."
    )
    alertmanagers: str = Field(
        default="",
        description="Addresses of Alertmanagers to tell of breaches, separated by commas; empty: none.",
    )
    alerts_port: int = Field(
        default=9109, ge=0, le=65535, description="Port of the alert sink's own metrics; 0 takes a free one."
    )
    runbook_url: str = Field(
        default="", description="Address of docs/runbook.md as people reach it, for links in alerts."
    )
    breach_dashboard_url: str = Field(
        default="", description="Address of the dashboard that alerts of breaches lead to; empty: no link."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least that log files are told."
    )

    @field_validator("state_dir")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        place = value.expanduser()
        if (_seen(place.exists) or _seen(place.is_symlink)) and not _seen(place.is_dir):
            raise ValueError(f"{value} is no folder: choose another with --state-dir")
        return value

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        addresses = [address.strip() for address in value.split(",")] if value.strip() else []
        for address in addresses:
            if not _ADDRESS.fullmatch(address) or not 0 < int(address.rpartition(":")[2]) <= _PORT_MAX:
                raise ValueError(f"{address!r} is no host:port, as 127.0.0.1:9092 (several: with commas)")
        return ",".join(addresses)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings names them
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags (init) over environment over the TOML file; no .env, no secret files."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if cls.toml is not None:
            sources += (TomlConfigSettingsSource(settings_cls, cls.toml),)
        return sources


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Settings from flags, the environment and a TOML file.

    Args:
        config: the TOML file; None reads ``watchroom.toml`` in the current folder when there is one.
        flags: values given on the command line; None means not given.

    Raises:
        ConfigurationError: names the setting, where it comes from and what is wrong with it.
    """
    if config is None:
        here = Path("watchroom.toml")
        config = here if here.is_file() else None
    elif not _seen(config.is_file):
        raise ConfigurationError(f"{config}: no such settings file, or none that this user may see")
    given = {k: v for k, v in flags.items() if v is not None}
    bound = type("Settings", (Settings,), {"toml": config, "__doc__": Settings.__doc__})
    try:
        return bound(**given)  # type: ignore[no-any-return]
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = ".".join(str(p) for p in first["loc"])
        place = (
            "the command line"
            if name in given
            else f"the environment (WATCHROOM_{name.upper()})"
            if f"WATCHROOM_{name.upper()}" in os.environ
            else str(config)
        )
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"setting {name} from {place}: {what}") from exc
    except OSError as exc:
        raise ConfigurationError(f"{config}: cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigurationError(f"{config}: not readable as TOML: {exc}") from exc
