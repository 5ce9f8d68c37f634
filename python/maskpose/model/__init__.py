"""What the network is: its weights, and the files that hold them."""
