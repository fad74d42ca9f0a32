"""Asking Earthdata's hosts: each to its own origin, bounded in time and size, once for many."""
