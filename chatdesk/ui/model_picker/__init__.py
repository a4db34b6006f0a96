"""Choosing a model: one searchable list of those on this computer and those at providers.

Imported when it is first opened; offers.py alone is needed before, by who collects the models.
"""
