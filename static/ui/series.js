// <nx-series src="curves.json ..." compare?>: equity above, drawdown below, one cursor for both; with `compare` several
// equity curves in percent of their cash. Days without bars are shaded. uPlot draws; colours are the page's tokens.
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const TALL = 240;
const LOW = 120;

class NxSeries extends HTMLElement {
  async connectedCallback() {
    if (this.ready) return;
    this.ready = true;
    try {
      this.data = await Promise.all(this.getAttribute("src").split(" ").map(async (url) => {
        const answer = await fetch(url, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.status);
        return answer.json();
      }));
    } catch {
      return; // the drawing made by the server stays
    }
    this.draw();
    const again = () => this.draw();
    this.watcher = new MutationObserver(again);
    this.watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-zone"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    this.sizer = new ResizeObserver(() => this.plots?.forEach((plot) => plot.setSize({ width: this.clientWidth, height: plot.nxHeight })));
    this.sizer.observe(this);
  }

  disconnectedCallback() {
    this.watcher?.disconnect();
    this.sizer?.disconnect();
  }

  draw() {
    if (!window.uPlot || !this.data.some((one) => one.t.length)) return;
    this.plots?.forEach((plot) => plot.destroy());
    this.replaceChildren();
    this.sync = window.uPlot.sync(`series-${Math.random()}`);
    this.plots = this.hasAttribute("compare") ? [this.compared()] : this.single();
  }

  single() {
    const [one] = this.data;
    const equity = this.plot([one.t, one.equity], [this.line("Equity", 1, (v) => money(v))], TALL, one.gaps);
    const down = this.plot([one.t, one.drawdown], [{ ...this.line("Drawdown", 2, (v) => `${v.toFixed(2)} %`), fill: `${token("--series-2")}33` }], LOW, one.gaps);
    return [equity, down];
  }

  compared() {
    const tables = this.data.map((one) => [one.t, one.equity.map((value) => 100 * (value / one.initial - 1))]);
    const lines = this.data.map((one, n) => this.line(`${n + 1} ${one.label}`, n + 1, (v) => `${v.toFixed(2)} %`));
    return this.plot(window.uPlot.join(tables), lines.map((line) => ({ ...line, spanGaps: true })), TALL + LOW, []);
  }

  line(label, n, show) {
    return { label, stroke: token(`--series-${n}`), width: 1.5, points: { show: false }, value: (_, v) => (v == null ? "\u2014" : show(v)) };
  }

  plot(data, lines, height, gaps) {
    const axis = { stroke: token("--text-2"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line"), width: 1 }, font: "11px system-ui" };
    const utc = document.documentElement.dataset.zone !== "local";
    const plot = new window.uPlot({
      width: this.clientWidth, height,
      tzDate: (seconds) => utc ? window.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000),
      cursor: { sync: { key: this.sync.key }, points: { size: 6 } },
      series: [{ label: utc ? "Time (UTC)" : "Time (local)", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...lines],
      axes: [{ ...axis, values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step, utc)) }, { ...axis, size: 72, values: (_, ticks) => ticks.map((tick) => Math.abs(tick) >= 1000 ? money(tick, 0) : tick) }],
      hooks: { drawClear: [(drawn) => shade(drawn, gaps)] },
    }, data, this);
    plot.nxHeight = height;
    return plot;
  }
}

function shade(plot, gaps) {
  if (!gaps?.length) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = token("--warn-bg");
  for (const [from, to] of gaps) {
    const left = Math.max(plot.valToPos(from, "x", true), bbox.left);
    const right = Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

/** Ticks of a day and more are dates; below, times, and the date where a day begins. */
function clock(tick, step, utc) {
  const at = new Date(tick * 1000);
  const text = utc ? at.toISOString() : new Date(at - at.getTimezoneOffset() * 60000).toISOString();
  return step >= 86400 || text.slice(11, 16) === "00:00" ? text.slice(0, 10) : text.slice(11, 16);
}

function money(value, places = 2) {
  return value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}
customElements.define("nx-series", NxSeries);
