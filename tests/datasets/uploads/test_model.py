"""Uploads with random cuts against a model: the offset never lies, and the bytes that arrive are the bytes sent."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.kit import tus

SIZES = st.integers(1, 150_000)


class Upload(RuleBasedStateMachine):
    """One upload; `sure` bytes were confirmed, at most `possible` may be there."""

    server: ClassVar
    client: ClassVar

    @initialize(size=st.integers(1, 400_000), seed=st.integers(0, 1 << 30), told=st.booleans())
    def begin(self, size, seed, told):
        self.data = random.Random(seed).randbytes(size)
        self.told = told
        self.url = tus.create(self.client, size) if told else tus.defer(self.client)
        self.sure = self.possible = 0
        self.dying = False  # a cut request may still be at work

    def at(self) -> int:
        found = self.look()
        if self.dying:  # who asks while it is at work is told what is durable so far, and it may end with more
            assert tus.over(self.server, self.url)
            self.dying, found = False, self.look()
        self.possible = found
        return found

    def look(self) -> int:
        found = tus.offset(self.client, self.url)
        assert self.sure <= found <= self.possible
        self.sure = found
        return found

    @precondition(lambda self: self.sure < len(self.data))
    @rule(size=SIZES, checked=st.booleans())
    def send(self, size, checked):
        at = self.at()
        part = self.data[at : at + size]
        digest = base64.b64encode(hashlib.sha256(part).digest()).decode()
        more = {"Upload-Checksum": f"sha256 {digest}"} if checked else {}
        answer = tus.patch(self.client, self.url, at, part, **more)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at + len(part)))
        self.sure = self.possible = at + len(part)

    @precondition(lambda self: self.sure < len(self.data))
    @rule(size=SIZES, politely=st.booleans())
    def cut(self, size, politely):
        at = self.at()
        wire = tus.Wire(self.server, self.url, at, len(self.data) - at)
        part = self.data[at : at + size][: len(self.data) - at - 1]
        wire.send(part)
        assert tus.begun(self.server, self.url)  # what is not read yet may come after an answer to HEAD
        wire.finish() if politely else wire.reset()
        self.possible, self.dying = at + len(part), True
        if politely:  # every byte that was received counts
            assert tus.settled(self.client, self.url, self.possible) == self.possible
            self.sure = self.possible

    @rule(wrong=st.integers(1, 1 << 20))
    def tell(self, wrong):
        at = self.at()
        answer = tus.patch(self.client, self.url, at, b"", **{"Upload-Length": str(len(self.data))})
        assert answer.status_code == 204
        self.told = True
        answer = tus.patch(self.client, self.url, at, b"", **{"Upload-Length": str(len(self.data) + wrong)})
        assert answer.status_code == 409
        assert self.at() == at

    @rule(shift=st.integers(1, 1000))
    def miss(self, shift):
        at = self.at()
        answer = tus.patch(self.client, self.url, at + shift, b"x")
        assert answer.status_code in (409, 413)
        assert self.at() == at

    @precondition(lambda self: self.sure < len(self.data))
    @rule(size=SIZES)
    def corrupt(self, size):
        at = self.at()
        part = b"\0" * min(size, len(self.data) - at)
        answer = tus.patch(self.client, self.url, at, part, **{"Upload-Checksum": "sha1 " + "A" * 27 + "="})
        assert answer.status_code == 460
        assert self.at() == at

    @invariant()
    def the_length_is_known_once_it_was_told(self):
        if hasattr(self, "url"):
            head = self.client.head(self.url, headers=tus.HEADERS).headers
            length = str(len(self.data)) if self.told else None
            assert (head.get("upload-length"), head.get("upload-defer-length")) == (length, None if self.told else "1")

    @invariant()
    def stored_bytes_are_the_bytes_sent(self):
        if hasattr(self, "url"):
            path = tus.path_of(self.server, self.url)
            assert path.read_bytes()[: self.sure] == self.data[: self.sure]


@pytest.mark.timeout(600)
def test_uploads_follow_the_model(server, client):
    Upload.server, Upload.client = server, client
    run_state_machine_as_test(
        Upload,
        settings=settings(
            max_examples=40, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
