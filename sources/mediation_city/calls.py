"""One simulated call: what CAD and the mediation desk say of it, in the order in which they say it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from schemas.agency import Agency
from schemas.times import DAY, SECOND, Micros
from sources.mediation_city import model
from sources.mediation_city.model import Kind

CAD, DESK = "cad", "desk"


class Saying(NamedTuple):
    """One event on its way.

    Attributes:
        at: when its source says it.
        source: ``cad`` or ``desk``.
        incident_id: whose.
        occurred: when it happened.
        kind: the event's.
        fields: what it says.
        recorded: when it was written down; None: at once.
    """

    at: Micros
    source: str
    incident_id: str
    occurred: Micros
    kind: str
    fields: dict[str, Any]
    recorded: Micros | None = None


class Dice:
    """Chance by whole numbers alone, so that a seed says the same on every machine."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def below(self, limit: int) -> int:
        """A whole number from 0 to ``limit`` - 1, evenly."""
        return int(self._random.random() * limit)

    def of_thousand(self, share: int) -> bool:
        """Yes in so many of a thousand."""
        return self.below(1000) < share

    def choice(self, kinds: Sequence[Kind]) -> str:
        """One by weight."""
        at = self.below(sum(kind.weight for kind in kinds))
        for kind in kinds:
            at -= kind.weight
            if at < 0:
                return kind.name
        raise AssertionError("weights add up to more than they are")

    def around(self, seconds: int) -> Micros:
        """A span about so long: the mean of two even draws, one of them long-tailed; never nothing."""
        flat, long = self.below(2 * seconds), self.below(2 * seconds)
        if self.below(6) == 0:
            long *= 2
        return max(1, (flat + long) // 2) * SECOND


class Teams:
    """The mediation teams, and until when each is out."""

    def __init__(self) -> None:
        self._out = dict.fromkeys(model.TEAMS, 0)

    def free(self, at: Micros) -> str | None:
        """The team that has been in longest; None where all are out."""
        team = min(self._out, key=lambda name: (self._out[name], name))
        return team if self._out[team] <= at else None

    def send(self, team: str, until: Micros) -> None:
        """A team is out until then."""
        self._out[team] = until


class Call:
    """One call being told.

    Attributes:
        said: what was said of it so far, in no order.
    """

    def __init__(self, incident_id: str, at: Micros, dice: Dice) -> None:
        self.incident_id = incident_id
        self.at = at
        self.dice = dice
        self.said: list[Saying] = []

    def cad(self, kind: str, at: Micros, **fields: Any) -> None:
        """CAD writes at once."""
        self.said.append(Saying(at, CAD, self.incident_id, at, kind, fields))

    def desk(self, kind: str, at: Micros, *, late: Micros | None = None, **fields: Any) -> None:
        """The desk writes a little later; now and then an entry comes twice."""
        later = self.dice.around(90) if late is None else late
        saying = Saying(at + later, DESK, self.incident_id, at, kind, fields, at + later)
        self.said.append(saying)
        if self.dice.of_thousand(model.TWICE):
            self.said.append(saying._replace(at=saying.at + self.dice.around(600)))

    def rings(self, type_: str, *, zone: str, address: str, by: str, mode: str, class_: str) -> None:
        """The call itself."""
        created = self.at + self.dice.around(55)
        self.cad("milestone", self.at, name="call_arrival")
        self.cad("milestone", self.at + 4 * SECOND, name="call_answered")
        self.cad("milestone", created, name="call_create")
        said = {
            "type": type_,
            "zone": zone,
            "address": address,
            "initiated_by": by,
            "response_mode": mode,
            "class": class_,
        }
        self.cad("change", created, attributes=said)

    def unit(self, unit_id: str, unit_type: str, steps: Sequence[tuple[str, Micros]]) -> Micros:
        """A unit of CAD's and what it pressed; returns its last press."""
        self.cad("change", steps[0][1], unit_id=unit_id, attributes={"unit_type": unit_type})
        for name, at in steps:
            self.cad("milestone", at, unit_id=unit_id, name=name)
        return steps[-1][1]

    def clear(self, at: Micros) -> None:
        """CAD closes it."""
        self.cad("milestone", at, name="incident_clear")


def background(call: Call, type_: str, *, by: str, zone: str, address: str) -> None:
    """A call for police that the unit has nothing to do with."""
    dice = call.dice
    call.rings(type_, zone=zone, address=address, by=by, mode="NON_EMERGENT", class_="POLICE")
    end = call.at + dice.around(600)
    if by == "OFFICER" or dice.of_thousand(860):
        end = police(call, call.at + dice.around(420), minutes=35)
    call.clear(end + dice.around(60))


def fire(call: Call, type_: str, *, zone: str, address: str) -> None:
    """A fire or EMS call."""
    dice, medical = call.dice, type_ == "MEDICAL"
    call.rings(
        type_, zone=zone, address=address, by="PUBLIC", mode="EMERGENT", class_="EMS" if medical else "FIRE"
    )
    sent = call.at + dice.around(100)
    out = sent + dice.around(70)
    there = out + dice.around(240)
    unit_id = f"{'M' if medical else 'E'}{1 + dice.below(12)}"
    steps = [("dispatch", sent), ("enroute_to_scene", out), ("on_scene", there)]
    steps.append(("unit_clear", there + dice.around(1800)))
    call.clear(call.unit(unit_id, "MEDIC" if medical else "ENGINE", steps) + dice.around(30))


def police(call: Call, sent: Micros, *, minutes: int, arrives: bool = True) -> Micros:
    """One or two patrol units; returns when the last is free."""
    dice, ends = call.dice, []
    for _ in range(1 + dice.of_thousand(450)):
        unit_id = f"P{1 + dice.below(60)}"
        out = sent + dice.around(60)
        if arrives:
            there = out + dice.around(420)
            steps = [("dispatch", sent), ("enroute_to_scene", out), ("on_scene", there)]
            steps.append(("unit_clear", there + dice.around(minutes * 60)))
        else:
            steps = [
                ("dispatch", sent),
                ("enroute_to_scene", out),
                ("canceled_enroute", out + dice.around(200)),
            ]
        ends.append(call.unit(unit_id, "PATROL", steps))
    return max(ends)


def suitable(call: Call, type_: str, *, zone: str, address: str, agency: Agency, teams: Teams) -> None:
    """A call that would suit the unit: offered in its hours, else police go, or nobody."""
    dice = call.dice
    call.rings(type_, zone=zone, address=address, by="PUBLIC", mode="NON_EMERGENT", class_="POLICE")
    if dice.of_thousand(25):
        call.cad("change", call.at + dice.around(900), attributes={"type": "ASSAULT"})
    criteria = agency.criteria_at(call.at)
    served = criteria is not None and criteria.in_service(call.at, zone, agency.zone) == "in_service"
    share = model.OFFERED if served else model.TAKEN_ANYWAY
    if criteria is not None and dice.of_thousand(share):
        mediate(call, teams)
        return
    unanswered(call, call.at + dice.around(900))


def unanswered(call: Call, sent: Micros) -> None:
    """Nobody mediates: police go to most such calls, late, and to some nobody goes."""
    end = sent
    if call.dice.of_thousand(700):
        end = police(call, sent, minutes=30)
    call.clear(end + call.dice.around(120))


def mediate(call: Call, teams: Teams) -> None:
    """Offered to the desk, and what comes of it."""
    dice = call.dice
    call.desk("mediation", call.at + dice.around(50), name="screened")
    offered = call.at + dice.around(120)
    call.desk("mediation", offered, name="offered")
    decided = offered + dice.around(150)
    if dice.of_thousand(model.UNDECIDED):
        unanswered(call, decided)
        return
    if dice.of_thousand(model.DECLINED):
        call.desk("mediation", decided, name="declined")
        unanswered(call, decided + dice.around(300))
        return
    if dice.of_thousand(model.DECLINED_FIRST):
        call.desk("mediation", decided, name="declined")
        decided += dice.around(120)
    team = teams.free(decided)
    by_phone = dice.of_thousand(model.BY_PHONE)
    if team is None and not by_phone:
        call.desk("mediation", decided, name="unit_unavailable")
        unanswered(call, decided + dice.around(300))
        return
    call.desk("mediation", decided, name="accepted")
    if dice.of_thousand(model.WITHDRAWN):
        given_up = decided + dice.around(600)
        call.desk("mediation", given_up, name="withdrawn")
        call.clear(given_up + dice.around(120))
    elif by_phone:
        resolved = decided + dice.around(900)
        call.desk("mediation", resolved, name="phone_resolution")
        call.desk("mediation_outcome", resolved, outcome="resolved_by_phone")
        call.clear(resolved + dice.around(300))
    else:
        assert team is not None
        visit(call, team, decided, teams)


def visit(call: Call, team: str, decided: Micros, teams: Teams) -> None:
    """A team goes. CAD has it as well, unless the team's log has a number that CAD does not know."""
    dice = call.dice
    sent = decided + dice.around(240)
    out = sent + dice.around(180)
    if dice.of_thousand(model.CANCELED):
        back = out + dice.around(300)
        teams.send(team, back)
        steps = [("dispatch", sent), ("enroute_to_scene", out), ("canceled_enroute", back)]
        in_both(call, team, steps)
        call.clear(back + dice.around(300))
        return
    there = out + dice.around(720)
    done = there + dice.around(2_100)
    teams.send(team, done)
    end = in_both(
        call, team, [("dispatch", sent), ("enroute_to_scene", out), ("on_scene", there), ("unit_clear", done)]
    )
    call.clear(on_scene(call, team, there, end) + dice.around(300))


def in_both(call: Call, team: str, steps: Sequence[tuple[str, Micros]]) -> Micros:
    """The team's milestones, in CAD and in its own log; returns the last."""
    for name, at in steps:
        call.desk("mediation_unit", at, unit_id=team, name=name)
    return call.unit(team, "MRU", steps)


def on_scene(call: Call, team: str, there: Micros, done: Micros) -> Micros:
    """What the team found and wrote, and whether police came; returns when all is over."""
    dice, end, outcome = call.dice, done, call.dice.choice(model.OUTCOMES)
    asked, unasked = dice.of_thousand(model.POLICE_ASKED), dice.of_thousand(model.POLICE_UNASKED)
    if asked:
        call.desk("mediation", there + dice.around(600), name="police_requested", unit_id=team)
        outcome = "police_requested"
    if asked or unasked:
        end = max(end, police(call, there + dice.around(700), minutes=25))
    wrote = (asked or unasked) and not dice.of_thousand(model.WROTE_NONE)
    fields: dict[str, Any] = {"police_on_scene": wrote, "unit_id": team}
    # Without an outcome the team still writes whether police were there.
    call.desk("mediation_outcome", done, outcome=outcome or None, **fields)
    if outcome == "referred":
        call.desk("mediation", done, name="referral", to="Dayton Mediation Center (simulated)")
    if dice.of_thousand(model.OUTCOME_MENDED):
        call.desk("mediation_outcome", done, late=DAY + dice.around(3600), outcome="referred", **fields)
    if dice.of_thousand(model.FOLLOWED_UP):
        call.desk("mediation", done + 2 * DAY + dice.around(7200), name="follow_up")
    return end
