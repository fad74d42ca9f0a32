"""What is known of the values of chunks without reading them."""
