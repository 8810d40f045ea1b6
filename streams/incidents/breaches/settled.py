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
        and not any(map(_runs_or_stands, emitted.incident.intervals.values()))
        and not any(
            _runs_or_stands(measure)
            for _, record in emitted.responses
            for measure in record.intervals.values()
        )
    )


def _runs_or_stands(measure: Measure) -> bool:
    return measure.open or bool(measure.standing) or 0 <= measure.limit < measure.value
