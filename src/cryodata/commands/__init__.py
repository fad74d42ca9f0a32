"""The commands of ``cryodata``, one module each: what it is asked for, and what it answers.

A module here imports nothing heavy when it is imported, so that ``--help`` is there at once.
"""
