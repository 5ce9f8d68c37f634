"""A machine with a GPU for a few minutes, and nobody at it: what is tried there, in which order, and what is kept."""
