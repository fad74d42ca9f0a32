"""Bytes from the outside world: local files, object stores and web servers.

The smallest protocol that serves: a `Store` gives one range of one object, and says how
large the object is and which version it is. `cryodata.store.fetch` adds what all engines
need alike: retries, hedging, a deadline, checks, receipts.
"""
