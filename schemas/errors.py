"""The few kinds of error a person meets, each one sentence that says what can be done."""

from __future__ import annotations


class WatchroomError(Exception):
    """Anything Watchroom reports to a person: one clear sentence and an exit code, no traceback.

    Args:
        message: what is wrong, where, and what the reader can do about it.
    """

    exit_code: int = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(WatchroomError):
    """A setting, a profile or an agency's file says something that cannot be meant."""

    exit_code = 2


class BadInput(WatchroomError):
    """Input that cannot be read as what it is said to be; names file, line and reason."""

    exit_code = 3


class Refused(WatchroomError):
    """Something understood, and not done, because it would spoil what stands."""

    exit_code = 4


class BrokerUnreachable(WatchroomError):
    """No Kafka answers at the address in the settings."""

    exit_code = 5


class GenerationMismatch(WatchroomError):
    """Topics or state of another layout, edition or format; says the command that mends it."""

    exit_code = 6


class Lost(WatchroomError):
    """The log or the state is not what the position record says. Never repaired silently."""

    exit_code = 75
