"""Ray jobs that make the data: plan, fetch, screen, deduplicate, cut and pack, resumable after any death."""
