"""Other people's clients, driven by scripts of ours in processes that can be killed."""
