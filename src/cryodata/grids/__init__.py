"""Where the cells of grids lie, and when. Pure."""
