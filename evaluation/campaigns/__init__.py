"""What raters are shown and in which order, and what their form says. Nothing here tells who wrote what."""
