"""Breaches to Alertmanager.

``alerts`` makes alerts of a record, ``outbox`` says what to post when, ``client`` posts, ``sink`` runs them.
Alertmanager groups, silences, inhibits and delivers; nothing here does.
"""
