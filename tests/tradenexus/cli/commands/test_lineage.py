"""`nexus lineage export`: run events for a collector."""


def test_a_lineage_is_exported_as_run_events(platform, nexus, home):
    dataset = platform.dataset("btc")
    job, event = "job_" + "0" * 32, '{"eventType": "START"}'

    def listed(count):
        return lambda call, _: call.send(200, f"[{','.join([event] * count)}]".encode(), {})

    platform.routes = [
        *platform.routes,
        ("GET", f"/v1/jobs/{job}/openlineage", listed(1)),
        ("GET", f"/v1/datasets/{dataset['id']}/lineage", listed(2)),
    ]
    assert nexus("lineage", "export", job).out == f"{event}\n"
    assert nexus("lineage", "export", "btc", "--out", "btc.ndjson").code == 0
    assert (home / "btc.ndjson").read_text() == f"{event}\n" * 2
    assert nexus("lineage", "export", "btc", "--out", "btc.ndjson").code == 6  # it exists
    assert nexus("lineage", "btc", "other").code == 2
    assert nexus("lineage", "btc", "--out", "x").code == 2
