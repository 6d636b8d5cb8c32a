"""One file per verb of `million-ird annotate`: `main(argv) -> exit code`."""
