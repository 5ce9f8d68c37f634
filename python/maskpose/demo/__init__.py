"""What `make demo` shows beside a training: whole scenes, in some of which there is no hand."""
