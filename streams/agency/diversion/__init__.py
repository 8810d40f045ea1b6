"""Diversion: funnel, outcomes and rates of a mediation unit, from its encounters (DEFINITIONS.md, 6).

``counting`` says what one encounter adds to every count, as a row of whole numbers; ``rates`` makes formulas
of sums of them; ``columns`` keeps all encounters of an agency so that any window and group is one sum;
``repeats`` knows which place had been helped before; ``book`` is one agency, ``shelf`` all of a partition.
All pure.
"""
