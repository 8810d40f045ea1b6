"""Records of the result topics, as JSON: what one response, one incident, one figure is known to be.

Instants are whole microseconds since the epoch, UTC (Avro's ``timestamp-micros``); spans are whole seconds.
Records of one key carry a ``revision``: the highest wins, equal revisions are equal bytes (DESIGN.md, Two
stages). Defaults are left out of the JSON.
"""

from __future__ import annotations

import msgspec

from schemas.times import Micros
from schemas.vocabulary import UNKNOWN

Revision = tuple[int, int]
"""(offset of the last event applied to the incident, instant at which a rule closed it or 0)."""


class Measure(msgspec.Struct, omit_defaults=True, gc=False):
    """One interval of one response or incident: measured, excluded with a reason, or still open (neither).

    Attributes:
        value: whole seconds, when measured.
        reason: the exclusion's name, when excluded.
        at: the instant it is dated at (DEFINITIONS.md, 4); 0 while open.
        limit: whole seconds of the limit that binds it, -1 where there is none.
        binding: whether the final attributes have a target, so that it counts in a compliance.
        standing: why a breach stands (``schemas.vocabulary.Standing``), once the incident has ended.
    """

    value: int = -1
    reason: str = ""
    at: Micros = 0
    limit: int = -1
    binding: bool = False
    standing: str = ""

    @property
    def measured(self) -> bool:
        """Whether there is a value."""
        return self.value >= 0

    @property
    def open(self) -> bool:
        """Whether it is neither measured nor excluded yet."""
        return self.value < 0 and not self.reason


class Place(msgspec.Struct, omit_defaults=True, gc=False):
    """What a response or incident is broken down by; ``UNKNOWN`` where nobody said."""

    mode: str
    class_: str = msgspec.field(name="class")
    priority: str
    station_area: str
    battalion: str
    zone: str
    unit_type: str


class ResponseRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="response"):
    """One unit's work on one incident (topic ``responses``).

    Attributes:
        revision: see ``Revision``.
        source: (partition, first offset, last offset) on ``incident.events`` that the incident's events came
            from.
        state: a ``schemas.vocabulary.IncidentState``.
        in_scope: whether it is a FIRE or EMS unit's, so that sections 3 to 5 of the definitions are about it.
        call_at: the incident's ``call_create``, else ``call_arrival``; 0 where there is neither.
        began_at: its first milestone.
        ended_at: its end, 0 while it has none.
        closed_at: when its incident ended or was closed by rule, 0 before.
        merged_at: when the merge that took it out of the counts occurred.
        milestones: name to instant, of those that stand.
        intervals: id to ``Measure``; empty when merged, void or out of scope.
    """

    agency_id: str
    incident_id: str
    unit_id: str
    ordinal: int
    revision: Revision
    source: tuple[int, int, int]
    state: str
    in_scope: bool = True
    simulated: bool = False
    service: str = ""
    place: Place | None = None
    call_at: Micros = 0
    began_at: Micros = 0
    ended_at: Micros = 0
    closed_at: Micros = 0
    merged_at: Micros = 0
    merged_into: str = ""
    milestones: dict[str, Micros] = {}
    intervals: dict[str, Measure] = {}
    flags: list[str] = []


class IncidentRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="incident"):
    """One incident (topic ``incidents``).

    Attributes as in ``ResponseRecord``, and beside them these.

    Attributes:
        type: its type now; ``initial_type`` as first stated.
        units: its responses' units, in the order of their first dispatch.
        first_due: the unit whose arrival was first among those that count.
        absorbed: the incidents merged into it.
    """

    agency_id: str
    incident_id: str
    revision: Revision
    source: tuple[int, int, int]
    state: str
    in_scope: bool = True
    simulated: bool = False
    place: Place | None = None
    type: str = ""
    initial_type: str = ""
    disposition: str = ""
    call_at: Micros = 0
    began_at: Micros = 0
    ended_at: Micros = 0
    closed_at: Micros = 0
    merged_at: Micros = 0
    merged_into: str = ""
    milestones: dict[str, Micros] = {}
    units: list[str] = []
    first_due: str = ""
    absorbed: list[str] = []
    intervals: dict[str, Measure] = {}
    flags: list[str] = []


class EncounterRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="encounter", kw_only=True):
    """One call of an agency that has a mediation unit (topic ``encounters``; DEFINITIONS.md, 6).

    Every call has one, so that each rate can be recomputed from this topic alone. In the narrow sense an
    encounter is one that is ``associated``.

    Attributes:
        call_at: ``call_create``, else ``call_arrival``; without a CAD half the first thing the other half
            says; 0 where there is none, and it is in no window.
        public: whether a caller began it. Only these count.
        initial_type, type: as first stated, and now.
        area: the value of the attribute by which the criteria tell areas.
        place: keyed hash of the place, empty where it is unknown.
        suitable: by the initial type and the criteria in force at call time; ``suitable_final`` by the final
            type.
        service: ``in_service``, ``out_of_hours`` or ``out_of_area``, whether suitable or not; empty before
            the first criteria.
        step: how far down it came: a ``schemas.vocabulary.FunnelStep``.
        implied: steps nobody stated, which a later one implies.
        associated, dispatched, on_scene, handled, ended: membership in the sets of section 6.
        outcome: exactly one where it is handled and ended, else empty.
        police_present: a police unit was on scene, as CAD has it.
        police_dispatched, any_dispatched: a police unit, any unit was dispatched.
        police_requested: the desk, the unit or the outcome asked for police.
        police_said: what the unit wrote of police: ``present``, ``none``, or nothing.
        unlinked: there is no CAD half, so that whether police came is unknown.
        centric, police_share_percent, police_minutes: what the agency states of its initial type.
        arrival_s: from the call to the unit's arrival, -1 where unknown; ``scene_s`` its time on scene.
        first_arrival_s: from the call to the first arrival of any unit, -1 where unknown.
        police_s: seconds police units spent on it, from dispatch to end, all together.
        referrals, follow_ups: how many there were.
        flags: ``schemas.vocabulary.EncounterFlag``.
    """

    agency_id: str
    incident_id: str
    revision: Revision
    source: tuple[int, int, int]
    state: str
    simulated: bool = False
    call_at: Micros = 0
    public: bool = True
    initial_type: str = ""
    type: str = ""
    area: str = UNKNOWN
    place: str = ""
    suitable: bool = False
    suitable_final: bool = False
    service: str = ""
    step: str = ""
    implied: list[str] = []
    associated: bool = False
    dispatched: bool = False
    on_scene: bool = False
    handled: bool = False
    ended: bool = False
    ended_at: Micros = 0
    outcome: str = ""
    police_present: bool = False
    police_dispatched: bool = False
    any_dispatched: bool = False
    police_requested: bool = False
    police_said: str = ""
    unlinked: bool = False
    centric: bool = False
    police_share_percent: int = 0
    police_minutes: int = 0
    arrival_s: int = -1
    scene_s: int = -1
    first_arrival_s: int = -1
    police_s: int = 0
    referrals: int = 0
    follow_ups: int = 0
    units: list[str] = []
    closed_at: Micros = 0
    merged_into: str = ""
    flags: list[str] = []


class ClockRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="clock", kw_only=True):
    """The clock of an agency in one partition of stage one.

    Written to the agency's partition of a result topic.

    The agency's clock in stage two is the least over all ``source_partitions``.
    """

    agency_id: str
    source_partition: int
    source_partitions: int
    time: Micros


Result = ResponseRecord | IncidentRecord | EncounterRecord | ClockRecord
"""What stands on the topics between the stages."""


class FigureRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="figure"):
    """One figure as of ``as_of`` (topics ``figures`` and ``figures.history``).

    Under one edition of the definitions.

    Attributes:
        series: its key, see ``schemas.series``.
        n: measured values in it; the denominator of percentiles and compliance's base.
        p50: nearest-rank percentiles in whole seconds, -1 where n is 0 (also p90, p95).
        within: values at or under their limit, of ``bound`` values that a target binds.
        late: the never-ended that stand as breaches; denominator of ``compliance_late_included`` is bound +
            late.
        excluded: reason to count.
        open: begun and neither measured nor excluded as of now.
        merged: left the counts by a merge.
        standing: standing breaches by ``schemas.vocabulary.Standing``.
        histogram: value in seconds to count, sparse; sent once a minute with ``all`` of 24 h and 30 d.
        final: a calendar period whose last incident has ended: the figure will change by corrections alone.
        simulated: made from simulated events, at least in part.
    """

    series: str
    agency_id: str
    interval: str
    mode: str
    window: str
    by: str
    group: str
    as_of: Micros
    edition: int
    n: int = 0
    p50: int = -1
    p90: int = -1
    p95: int = -1
    bound: int = 0
    within: int = 0
    late: int = 0
    excluded: dict[str, int] = {}
    open: int = 0
    merged: int = 0
    standing: dict[str, int] = {}
    histogram: dict[int, int] = {}
    final: bool = False
    simulated: bool = False

    @property
    def compliance(self) -> float | None:
        """Share of the bound values at or under their limit; None where no target binds."""
        return self.within / self.bound if self.bound else None

    @property
    def compliance_late_included(self) -> float | None:
        """The same with the never-ended in the denominator: leaving them out flatters (DEFINITIONS.md, 4)."""
        return self.within / (self.bound + self.late) if self.bound + self.late else None


class Step(msgspec.Struct, array_like=True, gc=False):
    """One step of a breach's life.

    Attributes:
        state: what it became (``schemas.vocabulary.BreachState``).
        at: the instant it is dated at, whenever it was noticed.
        noticed: the agency's clock that noticed it.
        limit: whole seconds of the limit then.
        reason: why it was withdrawn.
    """

    state: str
    at: Micros
    noticed: Micros
    limit: int
    reason: str = ""


class BreachRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="breach"):
    """The life of one breach so far (topic ``breaches``); the highest revision of a key wins.

    Attributes:
        id: opaque (``schemas.keys.breach_id``), for alerts and people.
        unit_id: the response's unit, empty where the interval is the incident's; ``ordinal`` as there.
        revision: (offset of the last event applied to the incident, clock that changed the breach).
        state: a ``schemas.vocabulary.BreachState``.
        reason: why it was withdrawn: a ``schemas.vocabulary.Withdrawal`` or an exclusion's name.
        standing: why it stands, once the incident is over (``schemas.vocabulary.Standing``).
        place: as it was when the breach was opened.
        units: whom it is about: the unit, or the counting units under way.
        started_at: what the clock runs from.
        limit: whole seconds; ``amber_at`` and ``deadline_at`` are what it makes of ``started_at``.
        ended_at: the interval's end, 0 while it runs; ``value`` its whole seconds, -1 where it was never
            measured.
        as_of: the agency's clock that wrote this.
        steps: its life, oldest first; 16 at most.
    """

    agency_id: str
    incident_id: str
    interval: str
    id: str
    revision: Revision
    source: tuple[int, int, int]
    state: str
    place: Place
    unit_id: str = ""
    ordinal: int = 1
    reason: str = ""
    standing: str = ""
    simulated: bool = False
    type: str = ""
    units: list[str] = []
    started_at: Micros = 0
    limit: int = -1
    amber_at: Micros = 0
    deadline_at: Micros = 0
    ended_at: Micros = 0
    value: int = -1
    as_of: Micros = 0
    steps: list[Step] = []

    @property
    def open(self) -> bool:
        """Whether somebody should look at it now."""
        return self.state in ("amber", "red")


class Rate(msgspec.Struct, frozen=True, gc=False):
    """A rate by its formula's id: numerator over denominator, never rounded.

    Both are counts, or for D3 sums of shares in calls (hundredths are exact).
    """

    numerator: float
    denominator: float

    @property
    def value(self) -> float:
        """The share; a denominator of zero gives no ``Rate`` at all."""
        return self.numerator / self.denominator


class CallTimes(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """Calls of one kind set beside those of another: with the unit, and without it.

    Attributes:
        calls: how many; ``police_present`` with police on scene.
        police_s: seconds police spent on them, all together.
        n: with a first arrival; ``p50`` and ``p90`` from the call to it, whole seconds, -1 where n is 0.
    """

    calls: int = 0
    police_present: int = 0
    police_s: int = 0
    n: int = 0
    p50: int = -1
    p90: int = -1


class DiversionRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="diversion", kw_only=True):
    """The funnel, outcomes and rates of one window and group (topics ``figures`` and ``figures.history``).

    Attributes:
        counts: name to count, zeros left out: the sets of section 6, and beside them.
        funnel: step to count, of suitable calls; ``column`` the same of those taken although off criteria,
            out of hours or out of area.
        outcomes: of all handled and ended.
        rates: formula id to ``Rate``; one with a denominator of zero is not there.
        police_minutes_saved: by the agency's own shares and minutes; ``assumption`` says where from.
        with_unit, without_unit: the suitable calls it handled, and those it was not associated with.
        arrival_p50, arrival_p90, scene_p50: of the unit, whole seconds, -1 where there are none.
        arrival_n, scene_n: how many of each were measured, their base.
    """

    series: str
    agency_id: str
    window: str
    by: str
    group: str
    as_of: Micros
    edition: int
    counts: dict[str, int] = {}
    funnel: dict[str, int] = {}
    column: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    rates: dict[str, Rate] = {}
    police_minutes_saved: float = 0.0
    assumption: str = ""
    with_unit: CallTimes = CallTimes()
    without_unit: CallTimes = CallTimes()
    arrival_p50: int = -1
    arrival_p90: int = -1
    scene_p50: int = -1
    arrival_n: int = 0
    scene_n: int = 0
    final: bool = False
    simulated: bool = False


class UnitRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="unit", kw_only=True):
    """What one unit is doing (topic ``units``), from its open responses.

    The latest milestone of the latest of them.

    Attributes:
        status: ``available`` or a unit milestone's name.
        since: the instant of that status.
        incident_id: the incident it works on, empty when available.
    """

    agency_id: str
    unit_id: str
    status: str
    since: Micros
    incident_id: str = ""
    unit_type: str = ""
    as_of: Micros = 0


class HealthRecord(msgspec.Struct, omit_defaults=True, tag_field="record", tag="health", kw_only=True):
    """What one partition of one stage has done so far (topic ``health``).

    Written once a second with its commit.

    Its Kafka timestamp says when; nothing in it is a wall clock's. Counts are since the generation began; of
    stage two, of what this owner has read, its start included.

    Attributes:
        stage: ``incidents`` or ``agency``.
        positions: topic to the next fetch offset.
        arrived: records of sources read, clocks and absorbed states apart; arrived = joined + dead-lettered.
        dead: dead-letter reason to count.
        clocks: agency to its clock in this partition.
        looks_failed: looks at running clocks that a defect of ours ended; each has a dead letter under its
            incident's key, which is no arrival.
        open_incidents: incidents held that have not ended; ``held`` all that are held.
        last_event_ms: append time of the last event read, milliseconds since the epoch.
        needed_from: of stage two, topic to the offset before which nothing is needed to start anew: what
            stands there is no longer kept, or was said again since.
        needed_by: who needs no more: another setting, which knows other agencies or keeps records longer,
            reads all.
        worker: who holds the partition.
    """

    stage: str
    partition: int
    worker: str = ""
    positions: dict[str, int] = {}
    arrived: int = 0
    joined: int = 0
    dead: dict[str, int] = {}
    clock_records: int = 0
    absorbed: int = 0
    evicted: int = 0
    rejected_labels: int = 0
    records_out: int = 0
    clocks: dict[str, Micros] = {}
    looks_failed: int = 0
    held: int = 0
    open_incidents: int = 0
    last_event_ms: int = 0
    needed_from: dict[str, int] = {}
    needed_by: str = ""


encode = msgspec.json.Encoder().encode
"""Any record as JSON bytes."""

decode_result = msgspec.json.Decoder(Result).decode
"""A record of ``responses``, ``incidents`` or ``encounters``.

Raises:
    msgspec.ValidationError: bytes that are no such record.
"""

decode_breach = msgspec.json.Decoder(BreachRecord | ClockRecord).decode
"""A record of ``breaches``; raises as ``decode_result`` does."""

decode_figure = msgspec.json.Decoder(FigureRecord).decode
"""A figure of sections 3 to 5; a diversion figure, which shares the topic, is refused."""

decode_diversion = msgspec.json.Decoder(DiversionRecord).decode
"""A figure of section 6."""

decode_unit = msgspec.json.Decoder(UnitRecord).decode
decode_health = msgspec.json.Decoder(HealthRecord).decode
