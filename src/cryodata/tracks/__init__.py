"""Granules along a track: from the words of a user to tracks, columns and a ragged Dataset."""
