"""This room's resources under /api/v1/, over the same services and selectors as its pages."""
