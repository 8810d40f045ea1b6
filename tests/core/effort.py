"""How hard the properties try.

``ci`` (a minute in all, the same examples each time) or ``long`` (forty times that, new ones).

``WATCHROOM_HYPOTHESIS=long pytest tests/core`` runs the long one; ``ci`` is what runs where nothing is
said. Both are Hypothesis profiles; a test says with ``examples`` how many it is worth.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)

settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, suppress_health_check=_QUIET, phases=_PHASES
)
settings.register_profile(
    "long", deadline=None, print_blob=True, suppress_health_check=_QUIET, phases=_PHASES
)

PROFILE = os.environ.get("WATCHROOM_HYPOTHESIS", "ci")
LONG = PROFILE == "long"
FACTOR = 40 if LONG else 1


def examples(count: int) -> settings:
    """The profile's settings with so many examples, forty times as many in the long run."""
    return settings(settings.get_profile(PROFILE), max_examples=count * FACTOR)
