"""What the network is: its variants, the definition that every prototxt is written from, weights, solver states."""
