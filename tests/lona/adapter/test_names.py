import uuid

from lona.adapter import names
from tests.lona.bars import MINUTE, START

TENANT = uuid.UUID(int=1)


def name(tenant=TENANT, venue="binance", symbol="XRP/ETH", frequency="1m", last=START + 9 * MINUTE, content="ab" * 32):
    return names.symbol_name(tenant, venue, symbol, frequency, START, last, content)


def test_name_says_venue_symbol_frequency_range_and_content():
    assert name() == "binance-XRP_ETH-1m-20191011T000000-20191011T001000-abababababab-" + names.tenant_mark(TENANT)


def test_different_slices_never_share_a_name():
    others = [
        name(frequency="5m"),
        name(last=START),
        name(content="cd" * 32),
        name(tenant=uuid.UUID(int=2)),
        name(venue="kraken"),
    ]
    assert len({name(), *others}) == 6


def test_mark_is_read_back_from_our_names_only():
    assert names.mark_of(name()) == names.tenant_mark(TENANT)
    assert names.mark_of("BTC daily") is None


def test_hostile_symbols_stay_plain_and_short():
    text = name(symbol="../../etc/passwd\x00\n" + "A" * 500)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(text) < 120


def test_metadata_maps_only_the_columns_sent():
    data = names.metadata("n", "XRPETH", "binance", "1m", with_volume=False, note="x")
    assert "volume" not in data["column_mapping"]
    assert (data["data_type"], data["asset_class"], data["quote_currency"], data["timezone"]) == (
        "ohlcv",
        "crypto",
        "ETH",
        "UTC",
    )
    assert names.metadata("n", "AAPL", "", "1d", True, "")["asset_class"] == "equity"
