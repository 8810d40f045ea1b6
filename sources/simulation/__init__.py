"""A synthetic city: calls, units and what they press, from distributions fitted to San Francisco's week.

``model`` reads the fit, ``draws`` is chance in whole numbers, ``calls`` draws a block of incidents and their
units, ``happenings`` turns them into events, ``wording`` these into JSON; ``city`` streams them in order with
clocks, ``run`` sends them.
"""
