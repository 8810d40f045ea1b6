"""Bytewax 0.21: a stateful step keyed by incident, with recovery snapshots each second.

`stateful_batch`, the operator beneath the others: `stateful_flat_map` copies each state deeply for its
snapshot, and a state of bytes need not be.
"""

from __future__ import annotations

import os
from datetime import timedelta

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.peers.clockwork import Count, arguments
from bench.peers.core import pack, step, unpack

options = arguments()
count = Count(options.events)


class Join(StatefulBatchLogic):
    """One incident."""

    def __init__(self, snapshot):
        self.incident = None if snapshot is None else unpack(snapshot)

    def on_batch(self, values):
        told = []
        for message in values:
            self.incident, outputs = step(self.incident, message.value, message.partition, message.offset)
            told += [KafkaSinkMessage(key, value) for key, value in outputs]
            if count.one(len(outputs)):
                count.say()
                os._exit(0)
        return told, StatefulBatchLogic.RETAIN

    def snapshot(self):
        return None if self.incident is None else pack(self.incident)


def keyed(message):
    return message.key.decode(), message


flow = Dataflow("incidents")
events = op.input("events", flow, KafkaSource([options.broker], [options.topic], batch_size=5000))
records = op.stateful_batch("join", op.map("key", events, keyed), Join)
op.output(
    "records", op.map("value", records, lambda pair: pair[1]), KafkaSink([options.broker], options.results)
)

init_db_dir(options.folder, 1)
cli_main(flow, recovery_config=RecoveryConfig(str(options.folder)), epoch_interval=timedelta(seconds=1))
