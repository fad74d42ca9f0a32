"""Readers that fetch the rows inside a box."""
