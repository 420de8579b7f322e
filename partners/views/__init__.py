"""Pages of creators and partners under /creator/."""
