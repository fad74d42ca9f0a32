"""Indexes kept on disk, so that the second reader of a granule walks nothing."""
