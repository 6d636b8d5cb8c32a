"""The sections of the page, one file each: what was collected in, markup out."""
