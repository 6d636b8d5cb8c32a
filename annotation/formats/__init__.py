"""Blur masks in the formats of other tools: one file for each, all with one interface (see `model.Format`)."""
