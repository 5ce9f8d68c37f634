"""From image to hand: what the network's maps are made into, and where it is run."""
