"""What a project's masks come to, as one self-contained page. Reading order: `gather`, `page`, `sections`, `charts`."""
