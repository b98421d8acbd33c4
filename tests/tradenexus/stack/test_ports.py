"""Ports: the wanted one, the next free one, any."""

from tradenexus.stack import ports


def test_taken_port_gives_the_next_free_one():
    with ports.listen(0) as first:
        taken = first.getsockname()[1]
        with ports.listen(taken) as second:
            assert taken < second.getsockname()[1] < taken + ports.TRIES


def test_nobody_listening_is_status_zero():
    assert ports.get(ports.free(), "/readyz", timeout_s=0.5) == 0
