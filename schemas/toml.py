"""Files of TOML that a person writes, read into models: what is wrong is said with file and place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ValidationError

from schemas.errors import ConfigurationError

_Model = TypeVar("_Model", bound=BaseModel)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise ValueError(f"no time zone {name!r} in the tz database") from exc
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""A time zone by its name in the tz database, as America/Los_Angeles."""


def table_of(path: Path) -> dict[str, Any]:
    """A file's table.

    Raises:
        ConfigurationError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: not TOML: {exc}") from exc


def model_of(model: type[_Model], table: dict[str, Any], path: Path, whole: str) -> _Model:
    """A file's table as a model.

    Args:
        model: what it must be.
        table: what stands in the file.
        path: the file.
        whole: what the file is called where no place in it is to blame.

    Raises:
        ConfigurationError: names file, place in it, and what is wrong.
    """
    try:
        return model.model_validate(table)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(p) for p in first["loc"]) or whole
        raise ConfigurationError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from exc
