"""From attention maps to pseudo labels, their scores and their pictures."""
