"""The networks: bodies with suppression and attention, the L2G head with pixel correlation, the global and local pair."""
