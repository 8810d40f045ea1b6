"""Live clocks and breaches (DEFINITIONS.md, 5): what runs out, and the life of what has run out.

``clocks`` reads an incident as of an instant: which clocks run, how far they are, when to look again. It
remembers nothing. ``lifecycle`` holds what was opened against what is read, and says what became of it.
``watch`` is an agency's: which incidents to look at, at which clock; ``settled`` are those that it need not.

Only a clock record opens, closes or withdraws anything, and it does so in the order of the log: it sees the
events before it and none after it. So where a batch ends changes nothing, and a replay of a log opens what
was opened live, at the same instants. What a batch opens and ends again is written once, ended.
"""

from streams import compiled

compiled.choose(__path__, "incidents/breaches")
