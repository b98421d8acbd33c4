"""Jobs: long operations that survive crashes. The Job row is the truth; django-q2's message is only a wake-up."""
