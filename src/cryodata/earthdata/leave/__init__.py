"""Leave to read: keys of a bucket and signed links, got anew before they end."""
