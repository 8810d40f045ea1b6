"""Stage one, by incident.

Events joined into incident state, and from it the records of incidents and responses.

The data's way through: ``partition`` (a batch in, sends out) decodes, ``joining`` joins into ``state``,
``milestones`` says what stands, ``intervals`` measures, ``limits`` judges, ``emit`` writes the records,
``packing`` keeps the state. All pure but ``agent``.
"""

from streams import compiled

compiled.choose(__path__)
