"""Other engines running Watchroom's pure core, each as its own documentation would write it.

A program reads ``incident.events``, keeps one ``Incident`` a key, writes its records, and says at the end how
fast it was. They live in an environment of their own (`tools/setup-bench.sh`), since their pins are not ours.
"""
