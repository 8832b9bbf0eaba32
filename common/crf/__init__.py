"""Dense conditional random field: settings, unary energies, inference."""
