"""Conversions between images, labels and the network's maps."""
