"""Quix Streams 3: state of each key in RocksDB with a changelog topic, at least once, as by default."""

from __future__ import annotations

import os

from quixstreams import Application
from quixstreams.models import BytesSerializer, TopicConfig

from bench.peers.clockwork import Count, arguments
from bench.peers.core import pack, step, unpack

options = arguments()
count = Count(options.events)


class Value(BytesSerializer):
    """A record is (key, value)."""

    def __call__(self, value, ctx):
        return value[1]


app = Application(
    broker_address=options.broker,
    consumer_group=options.name,
    auto_offset_reset="earliest",
    state_dir=options.folder,
    loglevel="WARNING",
    commit_interval=1.0,
    producer_extra_config={"linger.ms": 50},
)
events = app.topic(options.topic, key_deserializer="bytes", value_deserializer="bytes")
results = app.topic(
    options.results,
    key_serializer="bytes",
    value_serializer=Value(),
    config=TopicConfig(num_partitions=4, replication_factor=1),
)


def advance(value, key, timestamp, headers, state):
    known = state.get_bytes("incident")
    incident, outputs = step(None if known is None else unpack(known), value, 0, count.done)
    if incident is not None:
        state.set_bytes("incident", pack(incident))
    if count.one(len(outputs)):
        count.say()
        os._exit(0)
    return outputs


frame = app.dataframe(events).apply(advance, stateful=True, metadata=True, expand=True)
frame.to_topic(results, key=lambda record: record[0])
app.run()
