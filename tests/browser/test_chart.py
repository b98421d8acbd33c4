"""The chart in a browser: what its axis says can be read to the last letter."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

# Every text drawn on a canvas of the chart, with how far it sticks out of it at the left and at the right.
DRAWN = """
window.drawn = [];
const draw = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
  const measure = this.measureText(text), at = this.getTransform(), edge = this.canvas.width / at.a;
  const left = x - measure.actualBoundingBoxLeft, right = x + measure.actualBoundingBoxRight;
  window.drawn.push({ text, out: Math.max(-left - at.e / at.a, right + at.e / at.a - edge) });
  return draw.call(this, text, x, ...rest);
};
"""


@pytest.mark.parametrize("wide", [1280, 390])
def test_no_label_of_the_axes_is_cut_off(visit, things, wide):
    visitor = visit()
    page = visitor.page
    page.add_init_script(DRAWN)
    page.set_viewport_size({"width": wide, "height": 800})
    visitor.go(f"/datasets/{things['stocks']}/chart/")
    page.get_by_text("bars of").first.wait_for()
    page.wait_for_function("() => window.drawn.some((one) => /^(19|20)[0-9]{2}$/.test(one.text))")
    cut = page.evaluate("window.drawn.filter((one) => one.text.trim() && one.out > 0.5)")
    assert cut == []
