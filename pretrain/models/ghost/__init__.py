"""GhostSR: convolutions of an existing network that compute a part of their maps and shift these for the rest."""
