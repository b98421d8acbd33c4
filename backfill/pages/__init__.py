"""Pages of how data arrives: candidates and what became of them, gaps and what filled them, and the vendors."""
