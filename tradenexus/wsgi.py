"""For servers that speak WSGI only; uploads and live updates need asgi.py."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradenexus.settings")
application = get_wsgi_application()
