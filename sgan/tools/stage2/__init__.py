"""Command files of the published repository, and those it lacks."""
