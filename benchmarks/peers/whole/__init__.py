"""Readers that fetch whole arrays."""
