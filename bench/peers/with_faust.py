"""Stock faust-streaming 0.15: a table of incidents (memory store, changelog topic), one event at a time."""

from __future__ import annotations

import os

import faust

from bench.peers.clockwork import Count, arguments
from bench.peers.core import pack, step, unpack

options = arguments()
count = Count(options.events)

app = faust.App(
    options.name,
    broker=f"kafka://{options.broker}",
    store="memory://",
    datadir=str(options.folder),
    web_enabled=False,
    worker_redirect_stdouts=False,  # what is counted is said there
    topic_partitions=4,
    broker_max_poll_records=5000,
    stream_buffer_maxsize=8192,
    producer_linger=0.05,
    producer_max_batch_size=500_000,
    consumer_auto_offset_reset="earliest",
)
events = app.topic(
    options.topic, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw"
)
results = app.topic(options.results, key_serializer="raw", value_serializer="raw")
incidents = app.Table("incidents", partitions=4, key_type=bytes, value_type=bytes)


@app.agent(events)
async def join(stream):
    async for event in stream.events():
        key = event.key
        known, where = incidents.get(key), event.message
        incident, outputs = step(unpack(known) if known else None, event.value, where.partition, where.offset)
        if incident is not None:
            incidents[key] = pack(incident)
        for k, v in outputs:
            results.send_soon(key=k, value=v)
        if count.one(len(outputs)):
            count.say()
            os._exit(0)


faust.Worker(app, loglevel="WARNING").execute_from_commandline()
