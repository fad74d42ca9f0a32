"""From fetched bytes to the values a user sees."""
