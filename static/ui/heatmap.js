// <nx-heatmap data open label>: a calendar of days on a canvas, one row of weeks a year. One tab stop: arrows move by day
// and week, Home and End to the ends of the month, Page Up and Down by month, Enter opens the day (`to`: on that page).
// A cell is [state, rows, note]; the data may bring its own `words` for the states.
const cell = 13;
const step = 15;
const head = 18;
const left = 34;
const yearHeight = head + 7 * step + 14;
const day = 86400000;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const words = { available: "as usual", degraded: "under half the usual", missing: "no rows", benign: "weekend without trading" };
const fills = { available: "--c-ok", degraded: "--c-degraded", missing: "--c-missing", benign: "--c-benign",
  quarantined: "--c-stalled" };

class NxHeatmap extends HTMLElement {
  connectedCallback() {
    this.found = JSON.parse(document.getElementById(this.getAttribute("data")).textContent);
    this.words = this.found.words ?? words;
    this.first = Date.parse(this.found.first);
    this.last = Date.parse(this.found.last);
    this.at = this.getAttribute("open") ? Date.parse(this.getAttribute("open")) : this.last;
    this.build();
    this.paint();
    this.see(this.at);
    this.watcher = new MutationObserver(() => this.paint());
    this.watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  disconnectedCallback() {
    this.watcher.disconnect();
  }

  build() {
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    const row = document.createElement("div");
    row.setAttribute("role", "row");
    this.spoken = document.createElement("div");
    this.spoken.setAttribute("role", "gridcell");
    this.spoken.id = "heatmap-cell";
    this.spoken.className = "visually-hidden";
    row.append(this.spoken);
    this.tip = document.createElement("p");
    this.tip.className = "ds-heat-words small";
    const scroller = document.createElement("div");
    scroller.className = "ds-heat-room";
    scroller.append(this.canvas);
    // The grid that is spoken owns its one row only; what is seen stands beside it.
    this.grid = document.createElement("div");
    this.grid.setAttribute("role", "grid");
    this.grid.setAttribute("aria-label", this.getAttribute("label"));
    this.grid.setAttribute("aria-activedescendant", "heatmap-cell");
    this.grid.tabIndex = 0;
    this.grid.append(row);
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("focus", () => this.go(this.at));
    this.grid.addEventListener("blur", () => this.paint());
    this.replaceChildren(scroller, this.grid, this.tip);
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerleave", () => this.describe(this.at));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.describe(this.at);
  }

  years() {
    const start = new Date(this.first).getUTCFullYear();
    return Array.from({ length: new Date(this.last).getUTCFullYear() - start + 1 }, (_, index) => start + index);
  }

  place(at) {
    const date = new Date(at);
    const newYear = Date.UTC(date.getUTCFullYear(), 0, 1);
    const monday = (new Date(newYear).getUTCDay() + 6) % 7;
    const index = (at - newYear) / day + monday;
    const row = date.getUTCFullYear() - new Date(this.first).getUTCFullYear();
    return [left + Math.floor(index / 7) * step, row * yearHeight + head + (index % 7) * step];
  }

  dayAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const year = this.years()[Math.floor(y / yearHeight)];
    const weekday = Math.floor((y % yearHeight - head) / step);
    const week = Math.floor((x - left) / step);
    if (year === undefined || weekday < 0 || weekday > 6 || week < 0) return null;
    const newYear = Date.UTC(year, 0, 1);
    const at = newYear + (week * 7 + weekday - (new Date(newYear).getUTCDay() + 6) % 7) * day;
    return at >= this.first && at <= this.last && new Date(at).getUTCFullYear() === year ? at : null;
  }

  paint() {
    const style = getComputedStyle(document.documentElement);
    const token = (name) => style.getPropertyValue(name).trim();
    const years = this.years();
    const [width, height] = [left + 54 * step, years.length * yearHeight];
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `11px ${style.getPropertyValue("--font")}`;
    pen.fillStyle = token("--text-2");
    years.forEach((year, row) => {
      pen.fillText(String(year), 0, row * yearHeight + 12);
      months.forEach((name, month) => pen.fillText(name, this.place(Date.UTC(year, month, 1))[0] + (month ? 4 : 0), row * yearHeight + 12));
    });
    this.found.cells.forEach(([state], index) => this.dot(pen, token, state, this.first + index * day));
    if (document.activeElement === this.grid || this.getAttribute("open")) {
      const [x, y] = this.place(this.at);
      pen.strokeStyle = token("--accent");
      pen.lineWidth = 2;
      pen.strokeRect(x - 1, y - 1, cell + 2, cell + 2);
    }
  }

  dot(pen, token, state, at) {
    const [x, y] = this.place(at);
    pen.fillStyle = token(fills[state]);
    pen.fillRect(x, y, cell, cell);
    pen.strokeStyle = token("--line");
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
    const dark = document.documentElement.dataset.theme === "dark" || token("--c-ink-strong") !== "#FFFFFF";
    pen.strokeStyle = pen.fillStyle = ["missing", "quarantined"].includes(state) ? token("--c-ink-strong") : dark ? token("--c-ink-strong") : token("--c-ink");
    if (state === "degraded") {
      pen.beginPath();
      pen.arc(x + cell / 2, y + cell / 2, 2, 0, 7);
      pen.fill();
    } else if (state === "missing") {
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(x + 4, y + 4); pen.lineTo(x + cell - 4, y + cell - 4);
      pen.moveTo(x + cell - 4, y + 4); pen.lineTo(x + 4, y + cell - 4);
      pen.stroke();
    } else if (state === "quarantined") {
      pen.font = "bold 9px sans-serif";
      pen.fillText("Q", x + 3, y + cell - 3);
    }
  }

  describe(at) {
    const [state, rows, note] = this.found.cells[Math.round((at - this.first) / day)] ?? ["missing", 0];
    const date = new Date(at);
    const name = date.toLocaleDateString("en", { weekday: "long", timeZone: "UTC" });
    const text = `${date.toISOString().slice(0, 10)}, ${name}: ${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"}, ${this.words[state]}${note ? ` (${note})` : ""}`;
    this.tip.textContent = text;
    return text;
  }

  go(at) {
    this.at = Math.min(this.last, Math.max(this.first, at));
    this.spoken.textContent = this.describe(this.at);
    this.paint();
    this.see(this.at);
  }

  see(at) {
    const [x] = this.place(at);
    const room = this.firstElementChild;
    if (x < room.scrollLeft || x > room.scrollLeft + room.clientWidth - step) room.scrollLeft = x - room.clientWidth / 2;
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const date = new Date(this.at);
    const [year, month, number] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
    const ofMonth = (by) => Date.UTC(year, month + by, Math.min(number, new Date(Date.UTC(year, month + by + 1, 0)).getUTCDate()));
    const moves = { ArrowUp: this.at - day, ArrowDown: this.at + day, ArrowLeft: this.at - 7 * day, ArrowRight: this.at + 7 * day,
      Home: Date.UTC(year, month, 1), End: Date.UTC(year, month + 1, 0), PageUp: ofMonth(-1), PageDown: ofMonth(1) };
    if (event.key in moves) this.go(moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.open(this.at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  hover(event) {
    const at = this.dayAt(event);
    this.canvas.classList.toggle("is-over", at !== null);
    if (at !== null) this.describe(at);
  }

  click(event) {
    const at = this.dayAt(event);
    if (at === null) return;
    this.go(at);
    this.open(at);
  }

  open(at) {
    const address = new URL(this.getAttribute("to") ?? location.href, location.href);
    address.searchParams.set("day", new Date(at).toISOString().slice(0, 10));
    location.assign(address);
  }
}

customElements.define("nx-heatmap", NxHeatmap);
