// <nx-chart src whole>: candles and volume from the API, the same bars as the table below it. Zooming asks the server for
// finer bars; times without rows are shaded, bars that were filled in are hollow and grey, findings are marked.
import { CandlestickSeries, HistogramSeries, createChart, createSeriesMarkers }
  from "../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";

const mostGapCells = 3000;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seconds = (text) => Math.floor(Date.parse(text) / 1000);
const iso = (at) => new Date(at * 1000).toISOString().slice(0, 19) + "Z";

class NxChart extends HTMLElement {
  async connectedCallback() {
    this.room = this.querySelector(".ds-chart-room");
    this.room.replaceChildren();
    this.findings = JSON.parse(document.getElementById("chart-markers")?.textContent || "[]");
    this.tools();
    try {
      this.first = await this.ask(this.getAttribute("src"));
    } catch (fault) {
      this.say(`The chart cannot be loaded (${fault.message}). The table below has the same bars.`);
      return;
    }
    this.draw();
    this.show(this.first);
    this.watch();
  }

  disconnectedCallback() {
    this.chart?.remove();
    this.watcher?.disconnect();
  }

  async ask(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`answer ${answer.status}`);
    return answer.json();
  }

  tools() {
    const bar = document.createElement("div");
    bar.className = "buttons ds-chart-tools";
    const acts = { "Zoom in": () => this.zoom(0.5), "Zoom out": () => this.zoom(2), Earlier: () => this.move(-0.5),
      Later: () => this.move(0.5), "Whole range": () => this.whole() };
    for (const [label, act] of Object.entries(acts)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "small";
      button.textContent = label;
      button.addEventListener("click", act);
      bar.append(button);
    }
    this.note = document.createElement("span");
    this.note.className = "quiet small";
    this.note.setAttribute("role", "status");
    bar.append(this.note);
    this.room.before(bar);
  }

  say(words) {
    this.note.textContent = words;
  }

  draw() {
    this.chart = createChart(this.room, { autoSize: true, layout: { attributionLogo: false },
      handleScroll: { vertTouchDrag: false }, rightPriceScale: { borderVisible: false },
      // with fixed edges the library moves the outermost labels of the time axis inside instead of cutting them off
      timeScale: { fixLeftEdge: true, fixRightEdge: true, minBarSpacing: 0.1 } }); // a phone shows the whole range too
    this.gaps = this.chart.addSeries(HistogramSeries, { priceScaleId: "gaps", priceLineVisible: false,
      lastValueVisible: false, priceFormat: { type: "volume" } });
    this.chart.priceScale("gaps").applyOptions({ scaleMargins: { top: 0, bottom: 0 }, visible: false });
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceLineVisible: false,
      lastValueVisible: false, priceFormat: { type: "volume" } });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 }, visible: false });
    this.candles = this.chart.addSeries(CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
    this.chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.08, bottom: 0.22 } });
    this.marks = createSeriesMarkers(this.candles, []);
    this.room.querySelectorAll("canvas, table").forEach((part) => part.setAttribute("aria-hidden", "true"));
    this.chart.subscribeClick((click) => {
      const finding = this.findings[Number(click.hoveredObjectId)];
      if (finding && click.hoveredObjectId !== undefined) location.assign(finding.url);
    });
    this.chart.timeScale().subscribeVisibleTimeRangeChange((range) => this.seen(range));
    this.paint();
  }

  paint() {
    const line = token("--line");
    this.chart.applyOptions({
      layout: { background: { color: "transparent" }, textColor: token("--text-2"), fontFamily: getComputedStyle(this).fontFamily },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      timeScale: { borderColor: line },
    });
    this.candles.applyOptions({ upColor: "transparent", downColor: token("--down"), borderUpColor: token("--up"),
      borderDownColor: token("--down"), wickUpColor: token("--up"), wickDownColor: token("--down") });
    this.gaps.applyOptions({ color: token("--bad-bg") });
    if (this.drawn) this.fill();
  }

  watch() {
    this.watcher = new MutationObserver(() => this.paint());
    this.watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-candles"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  show(drawn, keep) {
    this.drawn = drawn;
    this.span = parseInt(drawn.span, 10);
    this.from = seconds(drawn.start);
    this.to = seconds(drawn.end);
    this.quiet = true;
    const digits = Math.min(8, Math.max(2, ...drawn.bars.slice(0, 400).map((bar) => (bar.close.split(".")[1] || "").length)));
    this.candles.applyOptions({ priceFormat: priceFormat(digits, Math.min(...drawn.bars.map((bar) => +bar.low))) });
    this.chart.applyOptions({ timeScale: { timeVisible: this.span < 86400, secondsVisible: this.span < 60 } });
    this.fill();
    if (keep) this.chart.timeScale().setVisibleRange(keep);
    else this.chart.timeScale().fitContent();
    this.say(`${drawn.bars.length.toLocaleString("en")} bars of ${drawn.downsampled === false && drawn.interval ? drawn.interval : spanWords(this.span)}, times in UTC`);
    requestAnimationFrame(() => requestAnimationFrame(() => { this.quiet = false; }));
  }

  fill() {
    const bars = this.drawn.bars.map((bar) => this.bar(bar));
    const absent = this.absent(bars);
    const spaces = absent.map((time) => ({ time }));
    this.candles.setData([...bars, ...spaces].sort((a, b) => a.time - b.time));
    const up = `${token("--up")}66`;
    const down = `${token("--down")}66`;
    this.volume.setData(bars.map((bar) => ({ time: bar.time, value: bar.volume, color: bar.close < bar.open ? down : up })));
    this.gaps.setData(absent.map((time) => ({ time, value: 1 })));
    this.mark(bars);
  }

  bar(raw) {
    const bar = { time: seconds(raw.time), open: +raw.open, high: +raw.high, low: +raw.low, close: +raw.close, volume: +raw.volume };
    if (!raw.filled) return bar;
    const grey = token("--text-3");
    return { ...bar, color: "transparent", borderColor: grey, wickColor: grey };
  }

  /** Times of bars that are not there, between those that are; each gap gets its share when they are too many. */
  absent(bars) {
    const holes = [];
    const weekend = (time) => [0, 6].includes(new Date(time * 1000).getUTCDay());
    // a market that never trades on weekends misses nothing on them
    const closed = this.span === 86400 && bars.length > 10 && !bars.some((bar) => weekend(bar.time));
    for (let at = 1; at < bars.length; at += 1) {
      const missing = Math.round((bars[at].time - bars[at - 1].time) / this.span) - 1;
      if (missing > 0) holes.push([bars[at - 1].time, missing]);
    }
    const total = holes.reduce((sum, [, missing]) => sum + missing, 0);
    const share = Math.min(1, mostGapCells / Math.max(1, total));
    return holes.flatMap(([after, missing]) => {
      const shown = Math.max(1, Math.floor(missing * share));
      return Array.from({ length: shown }, (_, index) => after + this.span * (index + 1));
    }).filter((time) => !closed || !weekend(time));
  }

  mark(bars) {
    const times = bars.map((bar) => bar.time);
    const found = new Map(); // one mark a bar, the worst finding's
    this.findings.forEach((finding, index) => {
      const at = seconds(finding.time);
      if (at < this.from || at > this.to || !times.length) return;
      const time = times[Math.max(0, times.findLastIndex((one) => one <= at))];
      if (found.get(time)?.grade === "RED" || (found.has(time) && finding.grade !== "RED")) return;
      found.set(time, { time, position: "aboveBar", shape: "circle", id: String(index), grade: finding.grade,
        color: token(finding.grade === "RED" ? "--bad" : "--warn") });
    });
    this.marks.setMarkers([...found.values()].sort((a, b) => a.time - b.time));
  }

  seen(range) {
    if (!range || this.quiet) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.refine(range), 350);
  }

  async refine(range) {
    const wide = range.to - range.from;
    const whole = this.from <= seconds(this.first.start) && this.to >= seconds(this.first.end);
    const outside = !whole && (range.from <= this.from + this.span || range.to >= this.to - 2 * this.span);
    if (!(wide < 0.4 * (this.to - this.from) && this.span > 1) && !outside) return;
    const start = iso(Math.floor(range.from - wide / 2));
    const end = iso(Math.ceil(range.to + wide / 2));
    const url = `${this.getAttribute("whole")}&start=${start}&end=${end}&limit=1500`;
    try {
      const finer = await this.ask(url);
      if (finer.bars.length && (outside || parseInt(finer.span, 10) < this.span)) this.show(finer, range);
      this.remember(range);
    } catch (fault) {
      this.say(`Finer bars cannot be loaded (${fault.message}); these stay.`);
    }
  }

  remember(range) {
    const address = new URL(location.href);
    address.searchParams.set("start", iso(range.from));
    address.searchParams.set("end", iso(range.to));
    history.replaceState(history.state, "", address);
  }

  zoom(factor) {
    const range = this.chart?.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const middle = (range.from + range.to) / 2;
    const half = Math.max(3, (range.to - range.from) * factor / 2);
    this.chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
  }

  move(share) {
    const range = this.chart?.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const by = (range.to - range.from) * share;
    this.chart.timeScale().setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
  }

  async whole() {
    const address = new URL(location.href);
    ["start", "end"].forEach((name) => address.searchParams.delete(name));
    history.replaceState(history.state, "", address);
    this.first = await this.ask(`${this.getAttribute("whole")}&limit=1500`);
    this.show(this.first);
  }
}

/** Prices with the places the data has; on the axis no more places than its marks need, and no mark below zero where no price is. */
function priceFormat(digits, lowest) {
  const say = (price, places) => (price < 0 && lowest >= 0 ? "" : price.toFixed(places));
  const exact = (price, places) => Math.abs(price - Number(price.toFixed(places))) < 10 ** -(digits + 2);
  const tickmarksFormatter = (prices) => {
    let places = 0;
    while (places < digits && !prices.every((price) => exact(price, places))) places += 1;
    return prices.map((price) => say(price, places));
  };
  return { type: "custom", minMove: 10 ** -digits, formatter: (price) => say(price, digits), tickmarksFormatter };
}

function spanWords(span) {
  for (const [size, word] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (span % size === 0) return `${span / size} ${word}`;
  return `${span} s`;
}

customElements.define("nx-chart", NxChart);
