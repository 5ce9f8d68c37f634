"""What every command line of the project has in common."""
