"""Readers that do both kinds of job."""
