"""How many requests a credential may make in a minute and how many sockets it may hold open.

Whoever counts is a subject: an API key, a signed-in person, or an address that showed neither. Counts stand beside the
database, in Redis or in a small file (`counting`), because a read must cost no write there. Losing them loses the limit
only, never a request.
"""
