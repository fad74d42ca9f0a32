"""Arrays that are read when they are touched, alone or together."""
