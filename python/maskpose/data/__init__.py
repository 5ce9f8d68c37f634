"""Samples, databases, batches."""
