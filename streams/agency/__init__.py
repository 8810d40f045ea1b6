"""Stage two, by agency: from records of responses and incidents to every figure, and what each unit is doing.

The data's way through: ``partition`` (a batch in, sends out) hands each agency's records to its ``book``; a
record's ``contributions`` go into the running tallies of the whole (``running``, told with every batch) and
into ``columns``, from which ``tabulate`` makes the breakdowns (once a second, or at a clock's hour).
``periods`` knows the agency's calendar, ``units`` who is doing what, ``as_known`` asks of the records what a
figure was at an instant. All pure but ``agent``.
"""
