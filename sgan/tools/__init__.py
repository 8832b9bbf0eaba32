"""Command files of the published repository, and those it lacks; run as files, they need no installation."""
