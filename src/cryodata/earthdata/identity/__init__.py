"""Who the user is: where a login comes from, whether it is good, and what it is shown to."""
