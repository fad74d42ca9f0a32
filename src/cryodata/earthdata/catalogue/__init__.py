"""NASA's catalogue: what is asked of it, and what its records say."""
