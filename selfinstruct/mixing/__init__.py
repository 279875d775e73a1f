"""Mixing: from many sources to the folder that a trainer reads.

A mixture names components and how much each counts (mixture.py). Their records are rendered once
into a store on disk (store.py), counted (shares.py), drawn without replacement (drawing.py) and
written with a manifest (job.py). `proof` holds a written folder to its manifest and its sources.
"""
