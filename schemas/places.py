"""A place as a keyed hash: the same place is told again, and nobody without the key can tell which it is.

An address is a caller's home. It is never kept: stage one makes a place of it with the setting ``place_key``,
and without a key forgets it. A plain hash would be no secret, for a city's addresses can all be tried.
"""

from __future__ import annotations

from hashlib import blake2b

_SIZE = 12


def place_of(address: str, key: str) -> str:
    """The place of an address: 24 hex digits, the same for the same address however it is spaced or cased.

    Args:
        address: as the event has it.
        key: the secret; empty: there is no place, and repeats cannot be counted.

    >>> place_of("12  Elm St", "secret") == place_of("12 elm st ", "secret")
    True
    >>> place_of("12 Elm St", "")
    ''
    """
    plain = " ".join(address.casefold().split())
    if not key or not plain:
        return ""
    return blake2b(plain.encode(), key=blake2b(key.encode()).digest(), digest_size=_SIZE).hexdigest()
