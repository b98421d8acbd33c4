// <nx-log job since level live>: follows a job's log, searches it, wraps lines, marks #L120 and #L120-L140, copies it.
const LINES = 5000; // kept on the page; the raw log has all
const ansi = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const levels = ["debug", "info", "warning", "error"];

class NxLog extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector(".log");
    this.none = this.querySelector(".log-none");
    this.since = Number(this.getAttribute("since"));
    this.least = Math.max(levels.indexOf(this.getAttribute("level") || "debug"), 0);
    const last = [...this.list.querySelectorAll("li")].pop();
    this.stage = this.textOfLast(".log-stage");
    this.attempt = Number(this.textOfLast(".log-attempt").replace(/\D/g, "")) || 0;
    this.bar();
    this.zones();
    if (location.hash.startsWith("#L")) this.mark(true);
    else if (last && this.hasAttribute("live")) this.end();
    addEventListener("hashchange", () => this.mark(true));
    this.list.addEventListener("click", (event) => this.pick(event));
    this.watcher = new MutationObserver(() => this.zones());
    this.watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-zone"] });
    if (this.hasAttribute("live")) this.poll();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.watcher?.disconnect();
  }

  textOfLast(selector) {
    return [...this.list.querySelectorAll(selector)].pop()?.textContent ?? "";
  }

  bar() {
    const bar = document.createElement("div");
    bar.className = "log-bar";
    this.find = Object.assign(document.createElement("input"), { type: "search", placeholder: "Search the log", maxLength: 200 });
    this.find.setAttribute("aria-label", "Search the log");
    this.found = Object.assign(document.createElement("span"), { className: "quiet small", role: "status" });
    this.find.addEventListener("input", () => this.search());
    this.find.addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), this.next(event.shiftKey)));
    bar.append(this.find, this.found, this.button("Wrap lines", "wrap", true), this.button("Times", "times", true));
    this.follow = this.button("Follow", "follow", this.hasAttribute("live"));
    bar.append(this.follow, this.plain("Jump to end", () => this.end()), this.plain("Copy", (button) => this.copy(button)));
    this.prepend(bar);
    for (const name of ["wrap", "times"]) this.list.classList.toggle(name, true);
    this.list.addEventListener("wheel", () => this.press(this.follow, false), { passive: true });
  }

  button(text, name, on) {
    const button = this.plain(text, () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      this.press(button, now);
      if (name === "follow") now && this.end();
      else this.list.classList.toggle(name, now);
    });
    this.press(button, on);
    return button;
  }

  plain(text, act) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: text });
    button.addEventListener("click", () => act(button));
    return button;
  }

  press(button, on) {
    button.setAttribute("aria-pressed", String(on));
  }

  end() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  async poll() {
    let wait = 1000;
    try {
      const answer = await fetch(`/v1/jobs/${this.getAttribute("job")}/log?since=${this.since}&limit=200`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const { items, nextCursor } = await answer.json();
      items.forEach((line) => this.add(line));
      if (items.length) this.after();
      if (nextCursor) wait = 0;
      else if (!items.length && document.getElementById("job")?.dataset.state.match(/succeeded|failed|cancelled|stalled/)) return;
    } catch {
      wait = 5000; // what is shown stays; the badge tells
    }
    this.timer = setTimeout(() => document.hidden ? this.later() : this.poll(), wait);
  }

  later() {
    document.addEventListener("visibilitychange", () => this.poll(), { once: true });
  }

  add(line) {
    this.since = line.n;
    if (levels.indexOf(line.level) < this.least) return;
    if (line.attempt !== this.attempt) this.heading("log-attempt", `Attempt ${line.attempt}`);
    if (line.stage && (line.stage !== this.stage || line.attempt !== this.attempt)) this.heading("log-stage", line.stage);
    [this.attempt, this.stage] = [line.attempt, line.stage];
    const item = document.createElement("li");
    item.id = `L${line.n}`;
    item.className = `log-${line.level}`;
    const number = Object.assign(document.createElement("a"), { className: "log-n", href: `#L${line.n}`, textContent: line.n });
    const time = document.createElement("time");
    time.dateTime = line.at;
    const level = Object.assign(document.createElement("span"), { className: "log-level", textContent: line.level });
    const text = Object.assign(document.createElement("span"), { className: "log-text", textContent: line.text.replace(ansi, "") });
    item.append(number, time, level, text);
    this.zone(time);
    this.list.append(item);
  }

  heading(name, text) {
    this.list.append(Object.assign(document.createElement("li"), { className: name, textContent: text }));
  }

  after() {
    this.none.hidden = true;
    while (this.list.children.length > LINES) this.list.firstElementChild.remove();
    if (this.find.value) this.search();
    if (this.follow.getAttribute("aria-pressed") === "true") this.end();
  }

  zones() {
    this.list.querySelectorAll("time").forEach((time) => this.zone(time));
  }

  zone(time) {
    const utc = document.documentElement.dataset.zone !== "local";
    const at = new Date(time.dateTime);
    time.textContent = utc ? at.toISOString().slice(11, 19) : at.toLocaleTimeString("en-GB", { hour12: false });
    time.title = utc ? at.toISOString() : at.toString();
  }

  search() {
    const wanted = this.find.value.trim().toLowerCase();
    this.hits = [];
    for (const item of this.list.querySelectorAll("li[id]")) {
      const hit = wanted !== "" && item.querySelector(".log-text").textContent.toLowerCase().includes(wanted);
      item.classList.toggle("hit", hit);
      if (hit) this.hits.push(item);
    }
    this.at = -1;
    this.found.textContent = wanted ? `${this.hits.length} lines` : "";
    if (this.hits.length) this.next(false);
  }

  next(back) {
    if (!this.hits?.length) return;
    this.press(this.follow, false);
    this.hits[this.at]?.classList.remove("hit-now");
    this.at = (this.at + (back ? -1 : 1) + this.hits.length) % this.hits.length;
    this.hits[this.at].classList.add("hit-now");
    this.hits[this.at].scrollIntoView({ block: "nearest" });
    this.found.textContent = `${this.at + 1} of ${this.hits.length} lines`;
  }

  pick(event) {
    const link = event.target.closest(".log-n");
    if (!link || !event.shiftKey || !this.first) {
      this.first = link ? Number(link.textContent) : this.first;
      return;
    }
    event.preventDefault();
    const [from, to] = [this.first, Number(link.textContent)].sort((a, b) => a - b);
    history.replaceState(null, "", `#L${from}-L${to}`);
    this.mark(false);
  }

  mark(scroll) {
    const range = location.hash.match(/^#L(\d+)(?:-L(\d+))?$/);
    if (!range) return;
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    this.first = from;
    for (const item of this.list.querySelectorAll("li[id]")) {
      const n = Number(item.id.slice(1));
      item.classList.toggle("marked", n >= from && n <= to);
    }
    this.press(this.follow, false);
    if (scroll) document.getElementById(`L${from}`)?.scrollIntoView({ block: "center" });
  }

  async copy(button) {
    const chosen = this.list.querySelectorAll("li.marked");
    const lines = chosen.length ? chosen : this.list.querySelectorAll("li[id]");
    const text = [...lines].map((line) => `${line.querySelector("time").dateTime} ${line.querySelector(".log-level").textContent} ${line.querySelector(".log-text").textContent}`).join("\n");
    await navigator.clipboard.writeText(text);
    button.textContent = `Copied ${lines.length} lines`;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }
}
customElements.define("nx-log", NxLog);
