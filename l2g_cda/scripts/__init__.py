"""The published names of the commands that the shell scripts call."""
