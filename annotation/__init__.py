"""Local-blur masks: propose, draw, check, agree, export."""
