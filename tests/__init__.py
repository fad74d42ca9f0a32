"""Tests. A package, because h5coro installs one of the same name, which would be found first."""
