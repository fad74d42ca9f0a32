"""References, out and in."""
