"""Arithmetic of rows: runs, pieces, segments and what belongs to them."""
