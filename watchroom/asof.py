"""Figures as known now for an instant: the records as they stand, handed to the stage that counts."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from schemas.agency import Agency, load_agencies
from schemas.errors import ConfigurationError, GenerationMismatch
from schemas.keys import agency_partition
from schemas.records import (
    DiversionRecord,
    EncounterRecord,
    FigureRecord,
    IncidentRecord,
    ResponseRecord,
    Result,
    decode_result,
)
from schemas.settings import Settings
from schemas.times import Micros
from sinks.reading import Reader, fold, wins_of

_MEASURED = ("responses", "incidents")
_MEDIATED = ("encounters",)


def figures_as_known(
    bootstrap: str, settings: Settings, agency_id: str, as_of_micros: Micros
) -> list[FigureRecord]:
    """Every figure of an agency as known now for an instant (DEFINITIONS.md, 4).

    Args:
        bootstrap: Kafka's address.
        settings: where the agencies' files are.
        agency_id: whose figures.
        as_of_micros: the instant.

    Raises:
        ConfigurationError: the agency has no file.
        BrokerUnreachable: no Kafka answers.
        GenerationMismatch: a record can't be read.
    """
    # Imported here: numpy is of no use to any other reader.
    from streams.agency import as_known

    agency = _agency(settings, agency_id)
    known = [
        record
        for _, record in _known(bootstrap, agency_id, _MEASURED)
        if isinstance(record, ResponseRecord | IncidentRecord)
    ]
    return as_known.figures_as_known(agency, known, as_of_micros) if known else []


def diversion_as_known(
    bootstrap: str, settings: Settings, agency_id: str, as_of_micros: Micros
) -> list[DiversionRecord]:
    """Every diversion figure of an agency as known now for an instant: calls up to it, as they are now.

    Arguments and errors as ``figures_as_known``'s.
    """
    from streams.agency.diversion import shelf

    agency = _agency(settings, agency_id)
    known = [
        (key, record)
        for key, record in _known(bootstrap, agency_id, _MEDIATED)
        if isinstance(record, EncounterRecord)
    ]
    return shelf.as_known(agency, known, as_of_micros) if known else []


def _agency(settings: Settings, agency_id: str) -> Agency:
    agencies = load_agencies(settings.agencies_dir)
    if agency_id not in agencies:
        raise ConfigurationError(f"no file {agency_id}.toml in {settings.agencies_dir}: an agency needs one")
    return agencies[agency_id]


def _known(bootstrap: str, agency_id: str, topics: tuple[str, ...]) -> Iterator[tuple[str, Result]]:
    """Key and record, of each key the highest revision, of an agency in these topics."""
    with Reader(bootstrap) as reader:
        generation = reader.generation()
        if generation is None:
            return
        only = {agency_partition(agency_id, generation.result_partitions)}
        for topic in topics:
            table: dict[str, bytes] = {}
            for records in reader.whole([topic], generation.generation, only):
                # Clocks stand on the same topics, have no revision, and are no records of an incident.
                fold(table, (r for r in records if "//clock/" not in r.key), wins_of(topic))
            for key, value in table.items():
                try:
                    record = decode_result(value)
                except msgspec.MsgspecError as exc:
                    raise GenerationMismatch(
                        f"{topic} holds a record this version cannot read ({key!r}: {exc}); "
                        "run `watchroom rebuild`"
                    ) from exc
                if record.agency_id == agency_id:
                    yield key, record
