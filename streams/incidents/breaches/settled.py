"""Which incidents the next clock need not look at, though something was said of them: most that end."""

from __future__ import annotations

from schemas.records import Measure
from streams.incidents.emit import Emitted
from streams.incidents.state import Incident


def settled(incident: Incident, emitted: Emitted) -> bool:
    """Whether a look could neither open, close nor withdraw anything, nor ask for another look.

    So it is of an incident that is over, of which nothing is remembered and nothing stands: its records, all
    made just now, measured the same clocks as a look would. No clock can change that, only what is said next.
    """
    return (
        emitted.over
        and emitted.whole
        and not incident.breaches
        and not _run_or_stand(emitted.incident.intervals)
        and all(not _run_or_stand(record.intervals) for _, record in emitted.responses)
    )


def _run_or_stand(measures: dict[str, Measure]) -> bool:
    """Whether any of them is open, over its limit, or stands."""
    for measure in measures.values():
        value: int = measure.value
        if value < 0:
            if not measure.reason or measure.standing:
                return True
        elif 0 <= measure.limit < value or measure.standing:
            return True
    return False
