"""Where the chunks of granules lie, for readers of Zarr."""
