"""Losses of the attention network: tags supervise the class maps, seeds the seed branch."""
