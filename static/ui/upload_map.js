/* The mapping step: which column is which, the open questions, and the first rows as validation will read them. Every
   change asks the server's own parser again; what it shows is what the job will do. All texts of the file stay text. */
import { chip, make, options, tell } from "./upload_dom.js";
import { number } from "./upload_meter.js";

const KINDS = [["trades", "Trades"], ["quotes", "Quotes (best bid and offer)"], ["bars", "Bars (OHLCV candles)"]];
const UNITS = [["", "As guessed"], ["s", "Seconds"], ["ms", "Milliseconds"], ["us", "Microseconds"], ["ns", "Nanoseconds"]];
const WORDS = { dmy: "Day first (31/12/2024)", mdy: "Month first (12/31/2024)", taker: "The taker's side", maker: "The maker's side", none: "Leave the side out" };
const ZONES = ["UTC", "America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "Asia/Hong_Kong"];

/** How a mapping names a column: by its name when that is its own, else by its number. */
export function reference(column) {
  return column.unnamed || column.twin ? column.index : column.name;
}

export class Mapping {
  /** `sniff(overrides)` asks the server; `targets` is {kind: [{name, label, required}]}; `settled(ready)` is told after each answer. */
  constructor(root, targets, sniff, settled) {
    this.targets = targets;
    this.sniff = sniff;
    this.settled = settled;
    this.overrides = {};
    this.asked = 0;
    this.places = Object.fromEntries(["questions", "time", "columns", "preview", "problem"].map((name) => [name, root.querySelector(`[data-map-${name}]`)]));
  }

  /** Begin with an answer of the server (and what was said before). */
  begin(found, overrides = {}) {
    this.overrides = overrides;
    this.found = found;
    this.#draw();
  }

  get ready() {
    return Boolean(this.found?.plan) && !this.waiting;
  }

  get kind() {
    return this.overrides.kind || this.found.kind;
  }

  /** Return what validation is to be told: the plan that was previewed, word for word. */
  said() {
    const { plan } = this.found;
    const cleared = Object.fromEntries((this.targets[plan.kind] || []).map((each) => [each.name, ""]));
    const told = { kind: plan.kind, columnMapping: { ...cleared, ...plan.columnMapping } };
    for (const name of ["timezone", "timestampUnit", "dateOrder", "sideRule"]) if (plan[name]) told[name] = plan[name];
    return told;
  }

  async #say(changes) {
    this.overrides = { ...this.overrides, ...changes };
    const asked = (this.asked += 1);
    this.waiting = true;
    this.settled(false);
    this.places.preview.querySelector(".chip")?.replaceWith(chip("info", "ring", "Reading again"));
    try {
      const found = await this.sniff(this.overrides);
      if (asked !== this.asked) return;
      this.found = found;
      tell(this.places.problem, null);
    } catch (problem) {
      if (asked === this.asked) tell(this.places.problem, problem);
    }
    if (asked !== this.asked) return;
    this.waiting = false;
    this.#draw();
  }

  #mapped() {
    if (this.found.plan) return this.found.plan.columnMapping;
    const known = new Set((this.targets[this.kind] || []).map((each) => each.name));
    const guessed = Object.entries(this.found.mapping || {}).map(([target, each]) => [target, each.column]);
    const all = Object.fromEntries([...guessed, ...Object.entries(this.overrides.columnMapping || {})]);
    return Object.fromEntries(Object.entries(all).filter(([target, column]) => known.has(target) && column !== "" && column !== null));
  }

  #draw() {
    const kept = document.activeElement?.id;
    this.#questions();
    this.#time();
    this.#columns();
    this.#preview();
    if (kept) document.getElementById(kept)?.focus();
    this.settled(this.ready);
  }

  #questions() {
    const open = (this.found.questions || []).filter((each) => each.id !== "symbol");
    const fields = open.map((each) => this.#question(each));
    const problems = (this.found.problems || []).map((each) => make("li", {}, each.text));
    this.places.questions.replaceChildren(
      problems.length ? make("div", { class: "banner warn" }, make("ul", { class: "plain" }, problems)) : "",
      fields.length ? make("fieldset", { class: "panel up-questions" }, make("legend", {}, open.some((each) => each.required) ? "Please answer before going on" : "Not certain"), fields) : "",
    );
  }

  #question(asked) {
    if (asked.id === "mapping") {
      return make("p", {}, make("b", {}, asked.text), " Choose it below, under “Used as”.");
    }
    const id = `question-${asked.id}`;
    const zone = asked.field === "timezone";
    const pairs = (zone ? ZONES : asked.options).map((each) => [each, WORDS[each] || each]);
    const select = make("select", { id, required: asked.required, onchange: (event) => event.target.value && this.#say({ [asked.field]: event.target.value }) },
      options([["", "Choose…"], ...pairs], this.overrides[asked.field] ?? asked.default));
    return make("label", { class: "field", for: id }, asked.text, select);
  }

  #time() {
    const { found } = this;
    const place = this.places.time;
    const column = this.#mapped().ts_event;
    if (column === undefined) return place.replaceChildren();
    const time = found.timestamp || {};
    const rows = found.preview?.rows || [];
    const some = [1, 2, 3].map((part) => rows[Math.floor((part * rows.length) / 4)]?.values[0]).filter(Boolean);
    const epoch = String(found.plan?.timestampUnit || time.unit || "");
    const unit = make("select", { id: "map-unit", onchange: (event) => this.#say({ timestampUnit: event.target.value }) }, options(UNITS, this.overrides.timestampUnit));
    const zone = make("select", { id: "map-zone", onchange: (event) => this.#say({ timezone: event.target.value }) },
      options([["", found.plan?.timezone || time.zone || "As the values say"], ...ZONES.map((each) => [each, each])], this.overrides.timezone));
    const fact = (name, value) => [make("dt", {}, name), make("dd", {}, value || "—")];
    place.replaceChildren(make("div", { class: "up-time" },
      make("dl", { class: "facts" }, fact("Column", String(column)), fact("First, UTC", found.preview?.first), fact("Last, UTC", found.preview?.last),
        some.length ? fact("Between, UTC", some.join(", ")) : null),
      make("div", { class: "up-time-say" }, epoch ? make("label", { class: "field", for: "map-unit" }, `Unit (guessed: ${epoch})`, unit) : null,
        make("label", { class: "field", for: "map-zone" }, "Zone of the values", zone))));
  }

  #columns() {
    const mapped = this.#mapped();
    const used = new Map(Object.entries(mapped).map(([target, column]) => [String(column), target]));
    const targets = this.targets[this.kind] || [];
    const kind = make("select", { id: "map-kind", onchange: (event) => this.#say({ kind: event.target.value, columnMapping: undefined }) },
      options([...(this.kind ? [] : [["", "Choose…"]]), ...KINDS], this.kind));
    const missing = targets.filter((each) => each.required && mapped[each.name] === undefined);
    const state = !this.kind ? "" : missing.length
      ? make("p", { class: "text-bad", id: "map-missing" }, `Still missing: ${missing.map((each) => each.label).join(", ")}`)
      : make("p", { class: "text-ok" }, "All required fields have a column");
    const head = ["Column", "First values", "Used as"].map((each) => make("th", { scope: "col" }, each));
    const rows = (this.found.columns || []).map((column) => this.#column(column, targets, used));
    this.places.columns.replaceChildren(
      make("div", { class: "panel-head" }, make("label", { class: "field up-kind", for: "map-kind" }, "What the file holds", kind), state),
      make("div", { class: "table-wrap" }, make("table", { class: "table rows up-columns" }, make("caption", {}, "The file's columns and what they are used as; * is required"),
        make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows))));
  }

  #column(column, targets, used) {
    const own = reference(column);
    const target = used.get(String(own));
    const id = `map-column-${column.index}`;
    const guess = this.found.mapping?.[target];
    const why = target && guess && String(guess.column) === String(own) ? `${Math.round(guess.confidence * 100)} % sure: ${guess.reason}` : target ? "chosen by you" : "";
    const pairs = targets.map((each) => [each.name, `${each.label}${each.required ? " *" : ""}`]);
    const select = make("select", { id, "aria-label": `Column ${column.name || column.index + 1} is used as`, "aria-describedby": `${id}-why`, disabled: !this.kind,
      onchange: (event) => this.#use(own, target, event.target.value) }, options([["", "Not used"], ...pairs], target));
    const samples = column.samples.map((each) => make("code", { class: each === null ? "none" : "" }, each === null ? "—" : each));
    return make("tr", { class: target ? "is-used" : "" },
      make("th", { scope: "row" }, make("span", { class: "wrap" }, column.name || `column ${column.index + 1}`), make("span", { class: "quiet small" }, ` ${column.type}`)),
      make("td", { class: "up-samples" }, samples), make("td", {}, select, make("span", { class: "hint", id: `${id}-why` }, why)));
  }

  #use(column, before, target) {
    const mapping = { ...(this.overrides.columnMapping || {}) };
    if (before) mapping[before] = "";
    if (target) mapping[target] = column;
    this.#say({ kind: this.kind, columnMapping: mapping });
  }

  #preview() {
    const { preview } = this.found;
    if (!preview) {
      return this.places.preview.replaceChildren(make("p", { class: "quiet" }, "The first rows are shown as soon as the questions above are answered."));
    }
    const labels = Object.fromEntries((this.targets[preview.kind] || []).map((each) => [each.name, each.label]));
    const bad = new Map();
    for (const each of preview.rejects) bad.set(each.row, [...(bad.get(each.row) || []), each]);
    const all = [...preview.rows.map((each) => ({ at: each.row, each })), ...[...bad].map(([at, rejects]) => ({ at, rejects }))].sort((one, other) => one.at - other.at);
    const verdict = bad.size ? chip("warn", "triangle", `${bad.size} of the first ${all.length} rows cannot be read`) : all.length ? chip("ok", "check", `The first ${all.length} rows are read without a fault`) : null;
    const width = preview.columns.length;
    this.places.preview.replaceChildren(
      make("div", { class: "panel-head" }, make("h2", {}, "First rows as they will be stored"), verdict || ""),
      preview.note ? make("p", { class: "quiet" }, preview.note) : "",
      all.length ? make("div", { class: "table-wrap up-preview", tabindex: "0", role: "region", "aria-label": "First rows" }, make("table", { class: "table" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "num" }, "Line"), preview.columns.map((name) => make("th", { scope: "col", class: numeric(name) }, labels[name] || name)))),
        make("tbody", {}, all.map((row) => (row.each ? good(row.each, preview.columns) : rejected(row.rejects, width)))))) : "",
    );
  }
}

function numeric(name) {
  return ["ts_event", "side", "symbol", "trade_id"].includes(name) ? "" : "num";
}

function good(row, columns) {
  const cells = row.values.map((value, at) => make("td", { class: numeric(columns[at]) }, value === null ? make("span", { class: "none", role: "img", "aria-label": "no value" }, "—") : value));
  return make("tr", {}, make("td", { class: "num quiet" }, number(row.line ?? row.row + 1)), cells);
}

function rejected(rejects, width) {
  const told = rejects.map((each) => make("span", { class: "up-reject" }, make("b", {}, each.column || "row"), " ", make("code", {}, each.value || "empty"), ` ${each.reason}`));
  return make("tr", { class: "is-rejected" }, make("td", { class: "num" }, number(rejects[0].line ?? rejects[0].row + 1)), make("td", { colspan: width }, told));
}
