"""Between images, labels and maps."""
