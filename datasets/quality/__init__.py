"""Quality: checks of rows as they stream by, the gate they feed, and the pass that runs both over a file."""
