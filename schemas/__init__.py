"""The vocabulary: events, records, topics, settings, agencies and the definitions of every figure.

Imports nothing of ours; everything else imports this.
"""
