"""Login, keys, links and search, against the Earthdata of the sandbox."""
