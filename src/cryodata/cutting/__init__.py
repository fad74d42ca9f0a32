"""Rows by place, time and condition: ruled out by chunk, then chosen exactly."""
