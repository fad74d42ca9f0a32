"""Own reader of the HDF5 structure: pure Python and numpy, level-parallel, without I/O.

Files, from the outside in: `walk` (paths to `Index`), `rounds` (many coroutines, one
frontier), `readahead` (how much to read around it), `superblock`, `objects` (headers and
their messages), `messages`, `datatypes`, `links`, `attributes`, `datasets`, `chunk_index`;
and the structures those are kept in: `btree1`, `btree2`, `heaps`, `fractal_heap`, `arrays`.
Chapters cited are those of the HDF5 File Format Specification, version 3.0.
"""
