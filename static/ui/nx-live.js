// <nx-live since>: one socket a tab. An event that names an object on the page refreshes the fragments that show it.
// Every (re)connect replays from the last number seen; a gap, a hidden tab and a refused socket all end in the true state.
const retry = 4000;
const poll = 5000;
const leave = 1500;
const settle = 500; // at most two refreshes a second and fragment
const full = 4029; // all sockets of this person are taken: poll at once
const words = { live: "Live", reconnecting: "Reconnecting", polling: "Polling every 5 s", paused: "Paused" };

class NxLive extends HTMLElement {
  connectedCallback() {
    this.last = Number(this.getAttribute("since"));
    this.refused = 0;
    this.due = new Map();
    this.open();
    document.addEventListener("visibilitychange", () => document.hidden ? this.hide() : this.wake());
    addEventListener("online", () => this.wake());
    addEventListener("pageshow", (event) => event.persisted && this.wake());
    addEventListener("pagehide", () => this.socket?.close());
    document.addEventListener("mouseout", () => this.due.size && this.plan(leave)); // time to reach the pill
    document.addEventListener("focusout", () => this.due.size && this.plan(leave));
  }

  open() {
    clearTimeout(this.again);
    if (this.socket && this.socket.readyState < WebSocket.CLOSING) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/events?since=${this.last}`);
    this.socket = socket;
    let greeted = false;
    socket.addEventListener("message", (message) => {
      greeted = true;
      this.refused = 0;
      this.polling(false);
      this.state("live");
      this.take(JSON.parse(message.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.socket) return;
      if (!greeted) this.refused += event.code === full ? 2 : 1;
      if (document.hidden && greeted) return this.state("paused");
      this.state(this.refused >= 2 ? "polling" : "reconnecting");
      this.polling(this.refused >= 2);
      this.again = setTimeout(() => this.open(), this.refused >= 2 ? retry * 4 : this.refused ? retry : 500);
    });
  }

  hide() {
    this.hiddenAt = new Date();
  }

  wake() {
    if (!this.socket || this.socket.readyState >= WebSocket.CLOSING) this.open();
    if (this.hiddenAt && Date.now() - this.hiddenAt > 20000) this.everything(); // timers slept; look once
    this.flush();
  }

  take(event) {
    if (event.type === "hello") {
      if (event.seq < this.last) this.everything(); // another database: begin again
      this.last = Math.min(this.last, event.seq);
      return;
    }
    if (event.type === "gap") {
      this.last = event.to;
      this.everything();
      return;
    }
    if (event.seq <= this.last) return;
    if (event.seq > this.last + 1) this.everything();
    this.last = event.seq;
    document.dispatchEvent(new CustomEvent("nx:event", { detail: event }));
    const ids = named(event);
    for (const part of document.querySelectorAll("[data-live]")) {
      if (concerns(part.dataset.live, ids)) this.want(part);
    }
  }

  everything() {
    document.querySelectorAll("[data-live]").forEach((part) => this.want(part));
  }

  want(part) {
    const kept = this.due.get(part) ?? { news: 0, at: 0 };
    kept.news += 1;
    this.due.set(part, kept);
    this.plan();
  }

  plan(pause = settle) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), pause);
  }

  flush() {
    for (const [part, kept] of this.due) {
      if (!part.isConnected) {
        this.due.delete(part);
      } else if (held(part)) {
        pill(part, kept.news, () => this.refresh(part));
      } else {
        this.refresh(part);
      }
    }
  }

  refresh(part) {
    this.due.delete(part);
    part.previousElementSibling?.matches?.(".new-rows") && part.previousElementSibling.remove();
    part.dispatchEvent(new CustomEvent("nx:changed", { bubbles: false }));
  }

  polling(yes) {
    clearInterval(this.clock);
    if (!yes) return;
    this.everything();
    this.clock = setInterval(() => document.hidden || this.everything(), poll);
  }

  state(name) {
    if (this.dataset.state === name) return;
    this.dataset.state = name;
    const at = name === "paused" ? ` ${new Date().toISOString().slice(11, 19)}Z` : "";
    const word = this.querySelector(".live-word");
    if (word) word.textContent = words[name] + at;
    this.title = words[name] + at;
  }
}

/** All typed ids an event speaks of, in any depth. */
function named(event, found = new Set()) {
  for (const value of Object.values(event)) {
    if (typeof value === "string" && /^[a-z]{2,4}_[0-9a-f]{32}$/.test(value)) found.add(value);
    else if (value && typeof value === "object") named(value, found);
  }
  return found;
}

/** `data-live` holds ids and prefixes: "ds_12… job_*" or "*". */
function concerns(wanted, ids) {
  return wanted.split(/\s+/).some((word) => word === "*" || ids.has(word)
    || (word.endsWith("*") && [...ids].some((id) => id.startsWith(word.slice(0, -1)))));
}

/** Rows never move under the pointer, and a form is not taken away from under one's hands. */
function held(part) {
  const focus = document.activeElement;
  if (part.previousElementSibling?.matches?.(".new-rows:hover, .new-rows:focus")) return true;
  if (focus !== document.body && part.contains(focus) && focus.matches("input, select, textarea")) return true;
  if (part.querySelector("details[open]")) return true;
  const list = part.matches(".table, [data-live-hold]") || part.querySelector(".table");
  return Boolean(list) && (part.matches(":hover") || (focus !== document.body && part.contains(focus)));
}

function pill(part, news, show) {
  let button = part.previousElementSibling;
  if (!button?.matches?.(".new-rows")) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "new-rows small";
    button.addEventListener("click", show);
    part.before(button);
  }
  button.textContent = `${news} new - show`;
}
customElements.define("nx-live", NxLive);
