"""Figures as known now for an instant: the records as they stand, handed to the stage that counts."""

from __future__ import annotations

import msgspec

from schemas.agency import load_agencies
from schemas.errors import ConfigurationError, GenerationMismatch
from schemas.keys import agency_partition
from schemas.records import FigureRecord, IncidentRecord, ResponseRecord, decode_result
from schemas.settings import Settings
from schemas.times import Micros
from sinks.reading import Reader, fold, wins_of

_MEASURED = ("responses", "incidents")


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

    agencies = load_agencies(settings.agencies_dir)
    if agency_id not in agencies:
        raise ConfigurationError(f"no file {agency_id}.toml in {settings.agencies_dir}: an agency needs one")
    known: list[ResponseRecord | IncidentRecord] = []
    with Reader(bootstrap) as reader:
        generation = reader.generation()
        if generation is None:
            return []
        only = {agency_partition(agency_id, generation.result_partitions)}
        for topic in _MEASURED:
            table: dict[str, bytes] = {}
            for records in reader.whole([topic], generation.generation, only):
                # Clocks stand on the same topics, have no revision, and are no records of an incident.
                fold(table, (r for r in records if "//clock/" not in r.key), wins_of(topic))
            known.extend(_of_agency(topic, table, agency_id))
    return as_known.figures_as_known(agencies[agency_id], known, as_of_micros)


def _of_agency(topic: str, table: dict[str, bytes], agency_id: str) -> list[ResponseRecord | IncidentRecord]:
    found: list[ResponseRecord | IncidentRecord] = []
    for key, value in table.items():
        try:
            record = decode_result(value)
        except msgspec.MsgspecError as exc:
            raise GenerationMismatch(
                f"{topic} holds a record this version cannot read ({key!r}: {exc}); run `watchroom rebuild`"
            ) from exc
        if isinstance(record, ResponseRecord | IncidentRecord) and record.agency_id == agency_id:
            found.append(record)
    return found
