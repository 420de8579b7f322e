"""Forms of the creator's pages and of the partner manager's desk."""
