"""Stage one, by incident.

Events joined into incident state, and from it the records of incidents and responses.

The data's way through: ``partition`` takes a batch; at the ``door`` each event is decoded and judged, and
``joining`` joins it into the ``state`` that the ``store`` holds; ``desk`` is an agency's clock, and ``due``
sees to what it has reached. Then ``writing`` has the records made: ``milestones`` says what stands,
``intervals`` measures, ``limits`` judges, ``emit`` puts them together; ``forwarding`` sends on the states of
merged incidents. All goes into the ``outbox``; ``health`` counts, and ``packing`` makes bytes of states.
All pure but ``agent``.
"""

from streams import compiled

compiled.choose(__path__, "incidents")
