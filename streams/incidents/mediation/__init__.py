"""The other half of an incident: what the mediation desk and its units say (DEFINITIONS.md, 6).

Their statements are joined into the same facts as CAD's, so that the join's laws hold without further ado:
``statements`` puts them there, ``steps`` says how far down the funnel a call came, ``police`` who else was
there, ``encounter`` makes the record. All pure.
"""
