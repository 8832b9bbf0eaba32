"""Results with their provenance, the table made of them, and the self-contained HTML report."""
