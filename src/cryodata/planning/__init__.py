"""What a read costs, before it costs anything."""
