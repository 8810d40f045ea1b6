"""Kafka's settings for one node of our own, and how it logs. Text only: nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .errors import BrokerError
from .ports import LOOPBACK
from .state import LOG_BYTES_MAX

# What makes it this one node in this folder at these ports; everything else may be overridden.
_OURS: Final = frozenset(
    {
        "process.roles",
        "node.id",
        "broker.id",
        "listeners",
        "advertised.listeners",
        "controller.quorum.voters",
        "controller.quorum.bootstrap.servers",
        "controller.listener.names",
        "listener.security.protocol.map",
        "inter.broker.listener.name",
        "security.inter.broker.protocol",
        "log.dir",
        "log.dirs",
        "metadata.log.dir",
    }
)


def server_properties(port: int, controller_port: int, extra: Mapping[str, str]) -> str:
    """The text of `server.properties`.

    Args:
        port: for clients.
        controller_port: for Kafka itself.
        extra: settings by Kafka's own names, which win over the defaults below.

    Raises:
        BrokerError: `extra` sets what makes this broker ours (ports, roles, folders), or is not one line.
    """
    for name, value in extra.items():
        if name in _OURS:
            raise BrokerError(f"the Kafka setting {name} is Watchroom's own: it follows from folder and port")
        if "\n" in name + value or "\r" in name + value:
            raise BrokerError(f"the Kafka setting {name.splitlines()[0]} must be one line")
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        # Loopback only: whoever has an account on this machine can reach it, and nobody else.
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        # Voters by setting, not by the log of metadata: then the ports may differ from run to run.
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        # Relative to the folder, which is the working directory: no path to be quoted or split at a comma.
        "log.dirs": "data",
        # Topics are made on purpose, with their partitions and limits; a misspelt one must not appear.
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        # One node: one copy. Few partitions: each is a folder with open files, and costs time at every start.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "4",
        # After a kill Kafka waits for the registration of its former self to run out: 9 s, unless told.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # A group of one worker need not wait for more members.
        "group.initial.rebalance.delay.ms": "0",
        **extra,
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in settings.items())


# The log is bounded while Kafka runs, too: two files of 50 MB at most.
LOG4J2: Final = f"""\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = kafka.log
appender.file.filePattern = kafka.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}}{{UTC}} %p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = {LOG_BYTES_MAX}
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
# Several hundred lines of every setting at every start, all of which are in server.properties or the manual.
logger.settings.name = org.apache.kafka.common.config
logger.settings.level = warn
logger.server.name = kafka.server.KafkaConfig
logger.server.level = warn
"""


def _escaped(value: str) -> str:
    # Java reads the file as Latin-1 with backslash escapes.
    text = value.replace("\\", "\\\\")
    return "".join(c if " " <= c <= "~" else "".join(_utf16(c)) for c in text)


def _utf16(character: str) -> list[str]:
    units = character.encode("utf-16-be")
    return [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
