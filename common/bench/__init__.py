"""Timings against the loops the field uses."""
