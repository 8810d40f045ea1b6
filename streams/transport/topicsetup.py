"""The topics a generation needs, and the register of generations.

A topic that is missing is made; one that is there is checked and never changed: another number of partitions
would send keys elsewhere, and other limits or retention are somebody's decision. What differs is refused in
words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import kafka.errors as kafka_errors
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from schemas.definitions import EDITION
from schemas.emptied_markers import read_over_them
from schemas.errors import BrokerUnreachable, GenerationMismatch
from schemas.refusal import refusal
from schemas.security import client_options
from schemas.settings import Settings
from schemas.topics import GENERATIONS, TOPICS, Topic, topic_name

Status = Literal["building", "current", "retired"]
_ANSWER_S = 10


@dataclass(frozen=True, slots=True)
class Generation:
    """One computation of everything: how its topics are laid out and what is written in them.

    Attributes:
        generation: its number, part of its topics' names.
        status: ``building`` while a rebuild catches up, ``current`` for the one readers use, ``retired``
            after.
        partitions: of ``incident.events``.
        result_partitions: of every result topic.
        edition: of the definitions.
        formats: what is stored to the version of its format.
        source_ends: partition of ``incident.events`` (as text) to its end when a rebuild began this one.
    """

    generation: int
    status: Status
    partitions: int
    result_partitions: int
    edition: int = EDITION.edition
    formats: dict[str, int] = field(default_factory=dict)
    source_ends: dict[str, int] = field(default_factory=dict)

    @property
    def silent_below(self) -> dict[int, int]:
        """Partition to the offset below which absorbed states are in the log already: none are sent."""
        return {int(partition): end for partition, end in self.source_ends.items()}

    @classmethod
    def of(
        cls, number: int, settings: Settings, formats: Mapping[str, int], status: Status = "current"
    ) -> Generation:
        """The generation that these settings and this program would write."""
        return cls(
            number, status, settings.partitions, settings.result_partitions, EDITION.edition, dict(formats)
        )

    def to_json(self) -> bytes:
        """Its value in the register."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Generation:
        """What the register holds.

        Raises:
            GenerationMismatch: written by something else, or by a later Watchroom.
        """
        try:
            return cls(**json.loads(value))
        except (ValueError, TypeError) as exc:
            raise GenerationMismatch(
                f"topic {GENERATIONS} holds what this Watchroom can't read ({exc}): is it a later one's?"
            ) from exc


# -- topics


def partitions_of(topic: Topic, settings: Settings) -> int:
    """How many partitions a topic has by these settings."""
    return {"source": settings.partitions, "result": settings.result_partitions, "one": 1}[topic.partitions]


def ensure_topics(bootstrap: str, settings: Settings, generation: int) -> list[str]:
    """Make the topics of a generation that are missing and check those that are there.

    Args:
        bootstrap: Kafka's address.
        settings: partitions and replication.
        generation: whose.

    Returns:
        The names of those made.

    Raises:
        GenerationMismatch: a topic is otherwise than it must be; names it, what was expected and what was
            found. BrokerUnreachable: nobody answers.
    """
    with _admin(bootstrap) as admin:
        return _ensure(
            admin, settings, {topic_name(name, generation): topic for name, topic in TOPICS.items()}
        )


def ensure_register(bootstrap: str, settings: Settings) -> None:
    """The same for the register of generations alone."""
    with _admin(bootstrap) as admin:
        _ensure(admin, settings, {GENERATIONS: TOPICS[GENERATIONS]})


def delete_topics(bootstrap: str, generation: int) -> list[str]:
    """Delete what a generation wrote; returns the names of the topics that were there."""
    with _admin(bootstrap) as admin:
        names = {topic_name(name, generation) for name, topic in TOPICS.items() if topic.generational}
        there = sorted(names & set(admin.list_topics()))
        if there:
            admin.delete_topics(there, raise_errors=False)
        return there


def _ensure(admin: Any, settings: Settings, wanted: dict[str, Topic]) -> list[str]:
    there = set(admin.list_topics())
    missing = {
        name: {
            "num_partitions": partitions_of(topic, settings),
            "replication_factor": settings.replication,
            "configs": topic.config(),
        }
        for name, topic in wanted.items()
        if name not in there
    }
    if missing:
        answer = admin.create_topics(missing, raise_errors=False)
        for made in answer["topics"]:
            error = kafka_errors.for_code(made["error_code"])
            # Another worker was quicker: then it is checked like any other.
            if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                raise GenerationMismatch(
                    f"topic {made['name']} could not be made: {made.get('error_message') or error.__name__}"
                )
    admin.wait_for_topics(list(wanted))  # of those another worker is just making, too
    _check_partitions(admin, settings, wanted)
    _check_config(admin, wanted)
    return sorted(missing)


def _check_partitions(admin: Any, settings: Settings, wanted: dict[str, Topic]) -> None:
    for described in admin.describe_topics(list(wanted)):
        name = described["name"]
        expected, found = partitions_of(wanted[name], settings), len(described["partitions"])
        if expected != found:
            mend = {
                # Events stay where they are, and a rebuild reads them there.
                "source": f"set partitions to {found}",
                "result": f"set result_partitions to {found}, or compute everything anew with {expected}: "
                "`watchroom rebuild`",
                "one": "remove the topic, and Watchroom makes it anew",
            }[wanted[name].partitions]
            raise GenerationMismatch(f"topic {name}: expected {expected} partitions, found {found}; {mend}")


def _check_config(admin: Any, wanted: dict[str, Topic]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    for name, topic in wanted.items():
        for key, expected in topic.config().items():
            value = found[name][key]["value"]
            # `cleanup.policy` is a set: Kafka keeps the order it was given.
            if sorted(str(value).split(",")) != sorted(expected.split(",")):
                raise GenerationMismatch(
                    f"topic {name}: expected {key}={expected}, found {value}; set it back with "
                    "kafka-configs --alter, or compute everything anew with `watchroom rebuild`"
                )


# -- generations


def generations(bootstrap: str) -> dict[int, Generation]:
    """All generations in the register, by number; empty where there is no register yet.

    Raises:
        BrokerUnreachable: nobody answers.
        GenerationMismatch: the register can't be read.
    """
    until = time.monotonic() + _ANSWER_S
    with _reachable(bootstrap):
        while True:
            try:
                return _read_register(bootstrap)
            except (kafka_errors.KafkaConnectionError, kafka_errors.KafkaTimeoutError):
                raise
            except kafka_errors.RetriableError:
                # A register made this moment may have no leader yet; that passes, or nobody answers.
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)


def _read_register(bootstrap: str) -> dict[int, Generation]:
    read_over_them()
    reader = KafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        bootstrap_timeout_ms=_ANSWER_S * 1000,
        isolation_level="read_committed",
        **client_options(),
    )
    try:
        # Asked of all topics: asking for one by name could make it, where the broker makes topics by
        # itself.
        if GENERATIONS not in reader.topics():
            return {}
        where = TopicPartition(GENERATIONS, 0)
        reader.assign([where])
        reader.seek_to_beginning(where)
        end = reader.end_offsets([where])[where]
        found: dict[int, Generation] = {}
        while reader.position(where) < end:
            for records in reader.poll(timeout_ms=200).values():
                for record in records:
                    number = int(record.key)
                    if record.value is None:
                        found.pop(number, None)
                    else:
                        found[number] = Generation.from_json(record.value)
        return found
    finally:
        reader.close(autocommit=False)


def current_generation(bootstrap: str, settings: Settings) -> Generation | None:
    """The generation that readers use; None before the first worker ever ran.

    Args:
        bootstrap: Kafka's address.
        settings: not needed to find it; here so that all functions of the register look alike.
    """
    del settings
    current = [g for g in generations(bootstrap).values() if g.status == "current"]
    return max(current, key=lambda g: g.generation, default=None)


def register(bootstrap: str, settings: Settings, generation: Generation) -> None:
    """Write one generation into the register, whatever it held of it before.

    Args:
        bootstrap: Kafka's address.
        settings: for the register's replication, should it have to be made.
        generation: the whole of it.
    """
    ensure_register(bootstrap, settings)
    with _reachable(bootstrap):
        writer = KafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            # A topic made a moment ago may have no leader yet, on a busy machine for seconds: tried again
            # for as long as an answer is waited for.
            delivery_timeout_ms=_ANSWER_S * 1000,
            request_timeout_ms=_ANSWER_S * 500,
            bootstrap_timeout_ms=_ANSWER_S * 1000,
            **client_options(),
        )
        try:
            key = str(generation.generation).encode()
            sent = writer.send(GENERATIONS, key=key, value=generation.to_json(), partition=0)
            sent.get(timeout=_ANSWER_S)
        finally:
            writer.close(timeout=_ANSWER_S)


def check(registered: Generation, settings: Settings, formats: Mapping[str, int]) -> None:
    """Refuse to work on a generation that was laid out or written otherwise.

    Args:
        registered: what the register says.
        settings: this worker's.
        formats: what this program writes.

    Raises:
        GenerationMismatch: names what differs, both values, and what to do.
    """
    ours = Generation.of(registered.generation, settings, formats)
    differences = [
        f"{what} is {getattr(registered, what)!r} there and {getattr(ours, what)!r} here"
        for what in ("partitions", "result_partitions", "edition", "formats")
        if getattr(registered, what) != getattr(ours, what)
    ]
    if differences:
        raise GenerationMismatch(
            f"generation {registered.generation} was computed otherwise than this worker would: "
            f"{'; '.join(differences)}. `watchroom rebuild` computes a new one"
        )


def prepare(
    bootstrap: str, settings: Settings, formats: Mapping[str, int], number: int | None = None
) -> Generation:
    """The generation a worker is to work on, with all its topics there and checked.

    Args:
        bootstrap: Kafka's address.
        settings: this worker's.
        formats: what this program writes.
        number: which; None for the one readers use, which is made where there is none at all.

    Raises:
        GenerationMismatch: it is not registered, or laid out otherwise, or one of its topics is.
        BrokerUnreachable: nobody answers.
    """
    known = generations(bootstrap)
    current = max((n for n, g in known.items() if g.status == "current"), default=None)
    wanted = number if number is not None else current if current is not None else 1
    found = known.get(wanted)
    if found is None:
        if known or wanted != 1:
            raise GenerationMismatch(
                f"generation {wanted} is not registered (there {'is' if len(known) == 1 else 'are'} "
                f"{', '.join(map(str, sorted(known))) or 'none'}); `watchroom rebuild` makes a new one"
            )
        found = Generation.of(1, settings, formats)
        check(found, settings, formats)
        ensure_topics(bootstrap, settings, wanted)
        # Two workers of one kind may both do so: they write the same.
        register(bootstrap, settings, found)
        return found
    check(found, settings, formats)
    ensure_topics(bootstrap, settings, wanted)
    return found


def with_status(generation: Generation, status: Status) -> Generation:
    """The same generation in another state of its life."""
    return replace(generation, status=status)


# -- reaching Kafka


@contextmanager
def _reachable(bootstrap: str) -> Iterator[None]:
    try:
        yield
    except (
        kafka_errors.KafkaConnectionError,
        kafka_errors.KafkaTimeoutError,
        kafka_errors.RetriableError,
        kafka_errors.SaslAuthenticationFailedError,
        kafka_errors.UnsupportedSaslMechanismError,
    ) as exc:
        if said := refusal(bootstrap, exc):
            raise BrokerUnreachable(f"{bootstrap}: {said}") from exc
        raise BrokerUnreachable(
            f"no Kafka answers at {bootstrap} ({type(exc).__name__}): is it running? `watchroom up` starts "
            "one, and --broker names another"
        ) from exc


@contextmanager
def _admin(bootstrap: str) -> Iterator[Any]:
    with _reachable(bootstrap):
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=_ANSWER_S * 1000, **client_options()
        )
        try:
            yield admin
        finally:
            admin.close()
