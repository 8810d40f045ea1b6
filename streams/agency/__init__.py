"""Stage two, by agency: from records of responses and incidents to every figure, and what each unit is doing.

The data's way through: ``partition`` (a batch in, sends out) holds records as bytes, of each key the
last, and hands each agency's to its ``book``. A record is decoded as far as ``reading`` says; its
``contributions`` stand in a row of the ``columns``. What changed there goes into the sums and
``histograms`` of the whole (``running``, told whenever it can be; ``rewriting`` does a few records one by
one), and says which ``breakdowns`` to ``tabulate`` anew from the columns (once a second, or at a clock's
hour). ``telling`` makes records of figures. ``due`` finds what leaves a window, ``windows`` and ``periods``
know the agency's calendar, ``units`` who is doing what, ``as_known`` asks of the records what a figure was at
an instant. Encounters are counted in ``diversion``. All pure but ``agent``.
"""

from streams import compiled

compiled.choose(__path__, "agency")
