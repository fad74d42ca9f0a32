"""Regions of the Earth: made from what people have, and asked what is in them."""
