"""How far down the funnel a call came: the last step it reached, and which steps nobody stated.

The funnel is monotone: a later step implies the earlier ones. Of the decisions (accepted, withdrawn,
declined, unit unavailable) the last by the time it happened counts; a milestone outranks any decision.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.times import Micros
from schemas.vocabulary import FunnelStep
from streams.incidents.milestones import Response
from streams.incidents.state import Presses

_DECISIONS: dict[str, FunnelStep] = {
    "accepted": FunnelStep.WAITING,
    "unit_unavailable": FunnelStep.UNIT_UNAVAILABLE,
    "declined": FunnelStep.DECLINED,
    "withdrawn": FunnelStep.WITHDRAWN,
}
"""In this order where two happened and were recorded at once: the last of them counts."""

_RANK = {name: rank for rank, name in enumerate(_DECISIONS)}

ACCEPTED = frozenset(
    (
        FunnelStep.WAITING,
        FunnelStep.WITHDRAWN,
        FunnelStep.BY_PHONE,
        FunnelStep.UNDER_WAY,
        FunnelStep.CANCELED,
        FunnelStep.ON_SCENE,
    )
)
"""The steps that lie past the acceptance."""


class Reached:
    """Where a call stands in the funnel.

    Attributes:
        step: the last step it reached.
        implied: steps nobody stated, in the order of the funnel.
        phone: when it was resolved by phone, None where it was not.
        arrived: mediation responses that were on scene.
    """

    __slots__ = ("arrived", "implied", "phone", "step")

    def __init__(
        self,
        steps: dict[str, Presses],
        responses: Sequence[Response],
        phone_by_outcome: Micros | None,
        *,
        over: bool,
    ) -> None:
        """Find it.

        Args:
            steps: the desk's that stand.
            responses: the mediation units'.
            phone_by_outcome: when an outcome said that it was resolved by phone.
            over: whether the incident has ended or was closed by rule.
        """
        pressed = steps.get("phone_resolution")
        self.phone = pressed[0] if pressed else phone_by_outcome
        self.arrived = [r for r in responses if "on_scene" in r.times]
        self.step = self._step(steps, responses, over=over)
        self.implied = self._implied(steps, responses, pressed=bool(pressed))

    def _step(self, steps: dict[str, Presses], responses: Sequence[Response], *, over: bool) -> FunnelStep:
        if self.arrived:
            return FunnelStep.ON_SCENE
        if self.phone is not None:
            return FunnelStep.BY_PHONE
        if responses:
            done = over or all(r.end is not None for r in responses)
            return FunnelStep.CANCELED if done else FunnelStep.UNDER_WAY
        decided = max(
            (
                (presses[-2], presses[-1], _RANK[name], name)
                for name, presses in steps.items()
                if name in _RANK
            ),
            default=None,
        )
        if decided is None:
            return FunnelStep.UNDECIDED if "offered" in steps else FunnelStep.NOT_OFFERED
        step = _DECISIONS[decided[3]]
        return FunnelStep.WITHDRAWN if step is FunnelStep.WAITING and over else step

    def _implied(
        self, steps: dict[str, Presses], responses: Sequence[Response], *, pressed: bool
    ) -> list[str]:
        found = []
        if self.step is not FunnelStep.NOT_OFFERED and "offered" not in steps:
            found.append("offered")
        if self.step in ACCEPTED and "accepted" not in steps:
            found.append("accepted")
        if self.step is FunnelStep.WITHDRAWN and "withdrawn" not in steps:
            found.append("withdrawn")
        if self.phone is not None and not pressed:
            found.append("phone_resolution")
        if responses and not any("dispatch" in r.times for r in responses):
            found.append("dispatched")
        return found

    @property
    def handled(self) -> bool:
        """On scene, or resolved by phone."""
        return bool(self.arrived) or self.phone is not None


def ended_at(reached: Reached, responses: Sequence[Response], incident_end: Micros | None) -> Micros | None:
    """When the encounter ended: with the phone resolution, the mediation units' end, or the incident's."""
    if reached.step is FunnelStep.BY_PHONE:
        return reached.phone
    ends = [r.end for r in responses]
    if ends and None not in ends:
        return max(end for end in ends if end is not None)
    return incident_end
