"""`nexus audit`: a bundle, and its proof without a server."""


def test_a_range_of_the_trail_is_a_bundle_and_the_head_is_told(platform, nexus, home):
    platform.answers["/v1/audit/head"] = {"seq": 7, "hash": "ab", "at": "2026-01-01T00:00:00Z"}
    assert nexus("audit", "head", "--json").json["seq"] == 7
    ran = nexus("audit", "export", "--from", "2026-01-01")
    assert (ran.code, "--out audit.zip" in ran.err) == (2, True)
    assert nexus("audit", "verify", "--witness", "1:ab").code == 2
    assert nexus("audit", "verify", "none.zip").code == 5
    (home / "cut.zip").write_bytes(b"PK")
    ran = nexus("audit", "verify", "cut.zip")
    assert (ran.code, "cut off" in ran.err) == (1, True)
    assert nexus("audit", "verify", "cut.zip", "--witness", "x").code == 2
