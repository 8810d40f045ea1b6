"""Keys of records, and the partition a key belongs to: Kafka's own murmur2, as every Kafka client does it."""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache
from typing import Final

_WORD: Final = struct.Struct("<I")
_M_LOW: Final = 0xE995
_M_HIGH: Final = 0x5BD1


def _mixed(word: int) -> int:
    """A word times 0x5BD1E995, modulo 2^32; by halves: compiled code is slow with products over 62 bits."""
    low = word & 0xFFFF
    high = low * _M_HIGH + (word >> 16) * _M_LOW
    return (low * _M_LOW + ((high & 0xFFFF) << 16)) & 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, 32 bits; the pure core takes no Kafka client along for thirty lines.

    A test holds it against kafka-python's and aiokafka's.
    """
    size = len(data)
    hashed = (0x9747B28C ^ size) & 0xFFFFFFFF
    whole = size & ~3
    for (word,) in _WORD.iter_unpack(data[:whole]):
        mixed = _mixed(word)
        hashed = _mixed(hashed) ^ _mixed(mixed ^ (mixed >> 24))
    rest = data[whole:]
    if rest:
        hashed = _mixed(hashed ^ int.from_bytes(rest, "little"))
    hashed = _mixed(hashed ^ (hashed >> 13))
    return hashed ^ (hashed >> 15)


def part(text: str) -> str:
    """One part of a key, so that parts joined by ``/`` can be told apart again.

    >>> part("F17/0001"), part("E39")
    ('F17%2F0001', 'E39')
    """
    if "/" in text or "%" in text:
        return text.replace("%", "%25").replace("/", "%2F")
    return text


def unpart(text: str) -> str:
    """What ``part`` was given.

    >>> unpart("F17%2F0001")
    'F17/0001'
    """
    if "%" in text:
        return text.replace("%2F", "/").replace("%25", "%")
    return text


def incident_key(agency_id: str, incident_id: str) -> str:
    """The key of everything said of an incident: ``agency/incident``."""
    return f"{part(agency_id)}/{part(incident_id)}"


def response_key(agency_id: str, incident_id: str, unit_id: str, ordinal: int) -> str:
    """The key of a response: ``agency/incident/unit``, and ``/2`` and so on for a unit sent again.

    >>> response_key("sffd", "163664050", "E39", 1), response_key("sffd", "163664050", "E39", 2)
    ('sffd/163664050/E39', 'sffd/163664050/E39/2')
    """
    return response_under(incident_key(agency_id, incident_id), unit_id, ordinal)


def response_under(key: str, unit_id: str, ordinal: int) -> str:
    """The key of a response, given that of its incident."""
    return f"{key}/{part(unit_id)}" if ordinal == 1 else f"{key}/{part(unit_id)}/{ordinal}"


def breach_key(agency_id: str, incident_id: str, unit_id: str, ordinal: int, interval: str) -> str:
    """The key of a breach: its response's or, where the interval is the incident's, ``-``; the interval.

    >>> breach_key("sffd", "1", "E39", 2, "turnout"), breach_key("sffd", "1", "", 1, "travel_first_due")
    ('sffd/1/E39/2/turnout', 'sffd/1/-/travel_first_due')
    """
    return f"{incident_key(agency_id, incident_id)}/{breach_part(unit_id, ordinal, interval)}"


def breach_part(unit_id: str, ordinal: int, interval: str) -> str:
    """What of a breach's key comes after its incident's."""
    if not unit_id:
        return f"-/{interval}"
    return f"{part(unit_id)}/{interval}" if ordinal == 1 else f"{part(unit_id)}/{ordinal}/{interval}"


def breach_id(key: str) -> str:
    """An opaque name of a breach, the same wherever it is made: alerts carry it instead of an incident.

    >>> breach_id("sffd/1/-/travel_first_due")
    '2u8u3qa86bb8'
    """
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    number = int.from_bytes(digest) & _USED
    name = ""
    for _ in range(6):
        name += _DIGITS[number & 1023]
        number >>= 10
    return name


_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""None that is taken for another when somebody reads it out."""
_DIGITS: Final = [low + high for high in _LETTERS for low in _LETTERS]
"""Two at a time, the lower first."""
_USED: Final = (1 << 60) - 1
"""The bits that six of them take: few enough for compiled code to hold them in a register."""


def clock_key(agency_id: str, source_partition: int) -> str:
    """The key of the clock that one partition of stage one writes for an agency into a result topic."""
    return f"{part(agency_id)}//clock/{source_partition}"


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, as Kafka's default partitioner chooses it.

    >>> partition_of("sffd/163664050", 4) in range(4)
    True
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


@lru_cache(maxsize=4096)
def agency_partition(agency_id: str, partitions: int) -> int:
    """The partition of an agency in every result topic; kept, because few agencies are asked for often."""
    return partition_of(part(agency_id), partitions)
