"""Websocket routes."""

from django.urls import path

from tradenexus.events.consumer import EventConsumer

websocket_urlpatterns = [path("ws/events", EventConsumer.as_asgi())]
