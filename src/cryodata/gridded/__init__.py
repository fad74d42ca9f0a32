"""Gridded products: from files to one Dataset in rows and columns."""
