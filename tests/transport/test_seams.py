"""The private parts of faust-streaming and aiokafka that the transport mirrors, overrides or reaches into.

When one of these fails, a version changed something the transport relies on. Read the new source beside the
place
named, decide, then note the new digest: ``python -m tests.transport.test_seams`` prints the table.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

from schemas.errors import Refused
from schemas.settings import Settings
from streams import app
from tests.transport.toy import Toy

SEAMS: dict[str, dict[str, str]] = {
    "fetch.drain": {
        "aiokafka.consumer.fetcher:PartitionRecords.__init__": "8ec1c2ae6ea1af87",
        "aiokafka.consumer.fetcher:PartitionRecords._unpack_records": "b803e6d46480732c",
        "aiokafka.consumer.fetcher:FetchResult.__init__": "126a3e45763bd404",
        "aiokafka.consumer.fetcher:FetchResult.check_assignment": "b5340df67e3f330f",
        "aiokafka.consumer.fetcher:FetchResult._update_position": "83fb1473bf10027b",
        "aiokafka.consumer.fetcher:FetchResult.has_more": "a25ee8ab93405df6",
        "aiokafka.consumer.fetcher:FetchResult.getall": "3e717e30de5068d5",
        "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": "59bf948fff47eed5",
    },
    "fetch._aborted": {
        "aiokafka.consumer.fetcher:PartitionRecords._consume_aborted_up_to": "56876530cd6412f3",
        "aiokafka.consumer.fetcher:PartitionRecords._contains_abort_marker": "17e9ad2322ef4e0a",
    },
    "fetch.fetched": {
        "aiokafka.consumer.fetcher:FetchError.check_raise": "f03628e12d3f8d4e",
        "aiokafka.consumer.fetcher:Fetcher.fetched_records": "be4348896b9b66af",
        "aiokafka.consumer.fetcher:Fetcher._create_fetch_waiter": "61d840568746477e",
        "aiokafka.consumer.fetcher:Fetcher._notify": "d3a30d94f34fd3a0",
        "aiokafka.consumer.subscription_state:SubscriptionState.fetch_context": "ff2a654dca239cfe",
    },
    "owner.Owner._pack": {
        "aiokafka.producer.message_accumulator:BatchBuilder.append": "657d76f55157d9ca",
    },
    "owner.Owner._send": {
        "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch": "5ed1c5b1367ad854",
        "aiokafka.producer.producer:AIOKafkaProducer.send_batch": "bf42b0f0c5c0646d",
    },
    "owner.Owner._sent": {
        "aiokafka.producer.sender:SendProduceReqHandler.handle_response": "850323cc8f77abc3",
    },
    "owner.Owner._commit": {
        "aiokafka.producer.message_accumulator:MessageAccumulator.flush_for_commit": "39683730fcffc2a4",
    },
    "consumer.BatchThread": {
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "c2701bfc3e6f6cad",
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records": "39a2c6c79fc1455a",
    },
    "consumer.BatchConsumer": {
        "faust.transport.drivers.aiokafka:ConsumerRebalanceListener.on_partitions_assigned": "1c1f8406ad3698a6",  # noqa: E501
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._seek_wait": "9d221e816d940467",
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._commit": "932852ce7a23f658",
        "faust.transport.consumer:Consumer.getmany": "4b168d84882a70d6",
        "faust.transport.consumer:Consumer._wait_next_records": "6218e1969a636b3f",
        "faust.transport.consumer:Consumer._drain_messages": "44a2500309e83c63",
        "faust.transport.consumer:Consumer._new_offset": "1d2c7ea89a7ad4f1",
        "faust.transport.consumer:Consumer._should_commit": "5ce941793947ad42",
        "faust.transport.consumer:Consumer.ack": "5fcf41cf45153475",
        "faust.transport.consumer:Consumer.perform_seek": "0e8c130ff4b0afd8",
        "faust.transport.consumer:Consumer.on_partitions_revoked": "d04b7ae72c6fc206",
        "faust.transport.consumer:Consumer.on_stop": "45b1d2210ce2b526",
        "faust.transport.consumer:Consumer.on_buffer_full": "c8961679e0bcdce5",
    },
    "consumer.FencedRecovery": {
        "faust.tables.recovery:Recovery._resume_streams": "d986a6710c1aca98",
        "faust.tables.recovery:Recovery._restart_recovery": "6bd8a8558a2dffe4",
        "faust.tables.recovery:Recovery._wait": "ec7429b70176f8c6",
    },
    "consumer.NoTables": {
        "faust.tables.manager:TableManager.on_start": "365dd25fbc0e0684",
        "faust.tables.manager:TableManager.recovery": "f0bf5de78b4c3d23",
        "faust.tables.manager:TableManager.on_rebalance": "2d2c23a07bf54328",
        "faust.tables.manager:TableManager._update_channels": "88e3941facc934d6",
    },
    "holder.Holder": {
        "faust.app.base:App._on_partitions_revoked": "d5c895bbe57dc73a",
        "faust.app.base:App._on_partitions_assigned": "de932b7927db85b3",
        "faust.assignor.partition_assignor:PartitionAssignor._get_copartitioned_groups": "82b7a3764ad596f6",
    },
    "agent_loop.hand_over": {
        "faust.streams:Stream._py_aiter": "3a48ee257a65435b",
    },
    "streams.app": {
        "faust.app.base:App._stop_consumer": "55854a5de12c3f52",
        "faust.app.base:App.on_stop": "bfe5a933defb2324",
    },
}
"""Who relies on what: the digest of each source."""


def digest(path: str) -> str:
    """The digest of the source of ``module:Name.attribute``."""
    module, _, name = path.partition(":")
    found: object = import_module(module)
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    for inner in ("fun", "fget", "__wrapped__"):  # a Faust task, a property, a decorated method
        found = getattr(found, inner, None) or found
    return hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:16]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "path"), [(where, path) for where, paths in SEAMS.items() for path in paths]
)
def test_a_private_part_is_what_it_was(where: str, path: str) -> None:
    """Goal: no upgrade changes the ground silently.

    Method: the digest of each source that the transport stands on.
    """
    assert digest(path) == SEAMS[where][path], (
        f"{path} is not what streams/transport was written against (installed: {installed()}): read it again "
        f"beside {where}, and note the new digest here"
    )


def installed() -> str:
    """The versions in use."""
    return ", ".join(f"{package} {version(package)}" for package in app.PINNED)


def test_the_pinned_versions_are_installed() -> None:
    """Goal: tests and users run the same.

    Method: the versions that ``streams.app`` refuses to differ from.
    """
    assert {package: version(package) for package in app.PINNED} == app.PINNED


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: another version is refused in words, before anything is begun.

    Method: pretend one is installed.
    """
    monkeypatch.setattr(app, "version", lambda package: "9.9.9")
    stage = Toy("toy", ("source",), "out").stage()

    with pytest.raises(Refused, match=r"faust-streaming 9\.9\.9 is installed"):
        app.build(stage, Settings(broker="127.0.0.1:1"), generation=1, worker_id="a")


if __name__ == "__main__":
    for place, known in SEAMS.items():
        sys.stdout.write(f"{place}\n" + "".join(f'        "{each}": "{digest(each)}",\n' for each in known))
