"""Networks, as data and equations: torch and numpy alone, so that they import on a bare GPU image."""
