"""Request ids, the version and the caching of every answer."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from tradenexus.middleware import PrivateCacheMiddleware, RequestIdMiddleware, request_id_from


@pytest.mark.parametrize("given", ["a", "x" * 128, "0198-req/7:~!"])
def test_a_printable_id_is_taken(given):
    assert request_id_from(given) == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a\nSet-Cookie: x=1", "a\0", "é", "\x7f", "a\r"])
def test_anything_else_is_replaced(given):
    made = request_id_from(given)
    assert made != given
    assert len(made) == 32
    assert request_id_from(given) != made


def test_every_answer_carries_id_and_version(settings):
    request = RequestFactory().get("/", headers={"X-Request-Id": "mine"})
    answer = RequestIdMiddleware(lambda request: HttpResponse(request.request_id))(request)
    assert (answer.content, answer["X-Request-Id"]) == (b"mine", "mine")
    assert answer["X-Nexus-Version"] == settings.NEXUS_VERSION


def test_an_answer_is_private_unless_its_view_says_otherwise():
    def shared(request):
        return HttpResponse(headers={"Cache-Control": "public, max-age=60"})

    request = RequestFactory().get("/")
    assert PrivateCacheMiddleware(lambda request: HttpResponse())(request)["Cache-Control"] == "private, no-store"
    assert PrivateCacheMiddleware(shared)(request)["Cache-Control"] == "public, max-age=60"
