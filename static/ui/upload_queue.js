/* The files on their way, three at a time, each with a bar, its words and its buttons. Keeps the screen awake and asks
   before the page is left only while bytes are moving. */
import { insist, signInAgain } from "./upload_api.js";
import { make } from "./upload_dom.js";

const AT_ONCE = 3;

export class Queue {
  /** `list` is the <ul> to show rows in, `spoken` a polite live region; `done(parcel)` is called when a file is handed over. */
  constructor(list, spoken, done) {
    this.list = list;
    this.spoken = spoken;
    this.done = done;
    this.rows = [];
    this.lock = null;
    this.leaving = (event) => event.preventDefault();
    document.addEventListener("visibilitychange", () => this.#awake());
  }

  /** Add a parcel {transfer, datasetId, name} and send it when there is room. */
  add(parcel) {
    const row = this.#row(parcel);
    this.rows.push(row);
    this.list.append(row.element);
    window.htmx?.process(row.element);
    parcel.transfer.addEventListener("change", () => this.#changed(row));
    this.#changed(row);
    this.#next();
  }

  get moving() {
    return this.rows.filter((row) => row.transfer.running).length;
  }

  pauseAll() {
    for (const row of this.rows) if (row.transfer.running || row.transfer.state === "waiting") row.transfer.pause();
  }

  resumeAll() {
    for (const row of this.rows) if (row.transfer.state === "paused") row.transfer.state = "waiting";
    this.#next();
  }

  #next() {
    for (const row of this.rows) {
      if (this.moving >= AT_ONCE) return;
      if (row.transfer.state === "waiting") row.transfer.start();
    }
  }

  #row(parcel) {
    const name = `Upload of ${parcel.name}`;
    const bar = make("progress", { max: "100", value: "0", "aria-label": name });
    const words = make("p", { class: "progress-words", "data-words": true });
    const buttons = make("div", { class: "buttons" });
    const element = make("li", { class: "up-row", "data-upload": parcel.transfer.uploadId },
      make("div", { class: "up-row-head" }, make("b", { class: "wrap" }, parcel.name), buttons), bar, words, this.#early(parcel));
    return { parcel, transfer: parcel.transfer, element, bar, words, buttons, shown: "" };
  }

  /** Where the server shows what the first bytes say, while the others are on their way; the upload's own page has it. */
  #early(parcel) {
    const asked = { "hx-get": `/uploads/${parcel.transfer.uploadId}/_early/`, "hx-trigger": "load delay:2s", "hx-swap": "outerHTML" };
    return this.list.closest("nx-upload") && make("div", asked);
  }

  #changed(row) {
    const { transfer } = row;
    const text = row.handing ?? transfer.words();
    row.bar.value = transfer.meter.percent();
    row.bar.setAttribute("aria-valuetext", `${transfer.meter.percent()} %`);
    if (row.words.textContent !== text) row.words.textContent = text;
    const state = row.handing ? "handing" : transfer.state;
    if (row.shown !== state) this.#turned(row, state);
  }

  #turned(row, state) {
    row.shown = state;
    row.element.dataset.state = state;
    this.#buttons(row, state);
    if (!["sending", "waiting"].includes(state)) this.spoken.textContent = `${row.parcel.name}: ${row.words.textContent}`;
    this.#awake();
    if (state === "sent") this.#hand(row);
    if (["sent", "paused", "failed", "cancelled"].includes(state)) this.#next();
  }

  #buttons(row, state) {
    const { transfer, parcel } = row;
    const had = row.buttons.contains(document.activeElement);
    const say = (label, verb, kind = "") => make("button", { type: "button", class: `small ${kind}`, "aria-label": `${label} ${parcel.name}`, onclick: verb }, label);
    const kinds = {
      pause: () => say("Pause", () => transfer.pause()),
      resume: () => say("Resume", () => transfer.start(), "primary"),
      cancel: () => say("Cancel", () => confirm(`Cancel the upload of ${parcel.name}? What was sent is thrown away.`) && transfer.cancel(), "quiet"),
      again: () => say("Try again", () => (row.handing ? this.#hand(row) : transfer.start()), "primary"),
      sign: () => say("Sign in again", () => signInAgain().then(() => transfer.start()), "primary"),
    };
    const offered = {
      waiting: ["cancel"], sending: ["pause", "cancel"], retrying: ["pause", "cancel"], offline: ["pause", "cancel"],
      paused: ["resume", "cancel"], "signed-out": ["sign", "cancel"], failed: ["again", "cancel"], unhanded: ["again"],
    }[state] || [];
    row.buttons.replaceChildren(...offered.map((name) => kinds[name]()));
    if (had) row.buttons.querySelector("button")?.focus();
  }

  /** Say that all bytes are there; the server checks them and goes on by itself. */
  async #hand(row) {
    const { parcel, transfer } = row;
    row.handing = "All bytes are there, handing over";
    this.#changed(row);
    try {
      const path = `/v1/datasets/${parcel.datasetId}/uploads:complete`;
      await insist("POST", path, { uploadToken: transfer.uploadId }, { key: `page-complete-${transfer.uploadId}` });
      row.handing = "Handed over";
      row.element.dataset.state = "done";
      row.words.replaceChildren("Sent. ", make("a", { href: `/uploads/${transfer.uploadId}/` }, "Watch what happens to it"));
      row.buttons.replaceChildren();
      this.done(parcel);
    } catch (problem) {
      row.handing = `${problem.message} ${problem.advice}`;
      row.words.textContent = row.handing;
      this.#buttons(row, "unhanded");
    }
  }

  async #awake() {
    const moving = this.moving > 0;
    if (moving) window.addEventListener("beforeunload", this.leaving);
    else window.removeEventListener("beforeunload", this.leaving);
    if (moving && !this.lock && document.visibilityState === "visible" && "wakeLock" in navigator) {
      this.lock = await navigator.wakeLock.request("screen").catch(() => null);
      this.lock?.addEventListener("release", () => (this.lock = null));
    } else if (!moving && this.lock) {
      await this.lock.release();
    }
  }
}
