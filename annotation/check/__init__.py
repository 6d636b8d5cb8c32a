"""What is wrong with masks. Reading order: `finding`, `rules`, `projects` and `folders` (what is looked at), `run`,
`table` and `page` (how it is told), `overrides` (what a person found to be so)."""
