"""Bytewax 0.21: a stateful flat map keyed by incident, with recovery snapshots each second."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.peers.clockwork import Count, arguments
from bench.peers.core import step
from streams.incidents.state import Incident

options = arguments()
count = Count(options.events)


def keyed(message):
    return message.key.decode(), message


def advance(state: Incident | None, message) -> tuple[Incident | None, Iterable[KafkaSinkMessage]]:
    state, outputs = step(state, message.value, message.partition, message.offset)
    if count.one(len(outputs)):
        count.say()
        os._exit(0)
    return state, [KafkaSinkMessage(key, value) for key, value in outputs]


flow = Dataflow("incidents")
events = op.input("events", flow, KafkaSource([options.broker], [options.topic], batch_size=5000))
records = op.stateful_flat_map("join", op.map("key", events, keyed), advance)
op.output(
    "records", op.map("value", records, lambda pair: pair[1]), KafkaSink([options.broker], options.results)
)

init_db_dir(options.folder, 1)
cli_main(flow, recovery_config=RecoveryConfig(str(options.folder)), epoch_interval=timedelta(seconds=1))
