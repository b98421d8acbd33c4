/* The upload wizard: file, map, options, transfer. Each step has its URL (?step=); the file never leaves the browser before
   the transfer, except for its first megabyte and last 64 kilobytes, which the server's parser looks at. */
import { call, newKey, Problem, signInAgain } from "./upload_api.js";
import { make, quoted, tell } from "./upload_dom.js";
import { ends } from "./upload_file.js";
import { Mapping } from "./upload_map.js";
import { number, size } from "./upload_meter.js";
import { Queue } from "./upload_queue.js";
import { Transfer } from "./upload_transfer.js";
import "./upload_url.js";

const STEPS = ["file", "map", "options", "transfer"];
const FORMATS = { csv: "CSV", parquet: "Parquet", arrow: "Arrow", feather: "Feather", jsonl: "JSON lines", json: "JSON" };
const DELIMITERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar" };

class Wizard extends HTMLElement {
  connectedCallback() {
    this.facts = JSON.parse(document.getElementById("upload-facts").textContent);
    this.parcels = [];
    this.at = 0;
    this.find = (name) => this.querySelector(`[data-${name}]`);
    this.problem = this.find("problem");
    this.mapping = new Mapping(this, this.facts.targets, (said) => this.#sniff(this.current, said), (ready) => this.#settled(ready));
    this.queue = new Queue(this.find("queue"), this.find("spoken"), () => this.#handed());
    this.#listen();
    this.#show("file", true);
  }

  get current() {
    return this.parcels[this.at];
  }

  #listen() {
    const input = this.find("input");
    const drop = this.find("drop");
    drop.addEventListener("click", () => input.click());
    drop.disabled = false; // until now nobody listened
    input.addEventListener("change", () => this.#take([...input.files]));
    for (const name of ["dragenter", "dragover"]) this.addEventListener(name, (event) => this.#over(event, true));
    for (const name of ["dragleave", "drop"]) this.addEventListener(name, (event) => this.#over(event, false));
    this.addEventListener("drop", (event) => this.#take([...event.dataTransfer.files]));
    for (const button of this.querySelectorAll("[data-go]")) button.addEventListener("click", () => this.#go(button.dataset.go));
    this.find("start").addEventListener("click", () => this.#start());
    this.find("pause-all").addEventListener("click", () => this.queue.pauseAll());
    this.find("resume-all").addEventListener("click", () => this.queue.resumeAll());
    this.find("which").addEventListener("change", (event) => this.#turnTo(Number(event.target.value)));
    window.addEventListener("popstate", () => this.#show(new URL(location).searchParams.get("step") || "file", true));
  }

  #over(event, on) {
    event.preventDefault();
    this.find("drop").classList.toggle("is-over", on);
  }

  async #take(files) {
    if (!files.length || this.started) return;
    tell(this.problem, null);
    this.find("found").setAttribute("aria-busy", "true");
    for (const file of files) {
      const parcel = { file, name: file.name, overrides: {} };
      try {
        if (!file.size) throw new Problem(400, { code: "FILE_EMPTY", message: `${file.name} is empty.` });
        if (file.size > this.facts.maxBytes) throw new Problem(413, { code: "UPLOAD_TOO_LARGE", message: `${file.name} has ${size(file.size)}; this server takes at most ${size(this.facts.maxBytes)}.` });
        parcel.ends = await ends(file);
        parcel.found = await this.#sniff(parcel, {});
        this.parcels.push(parcel);
      } catch (problem) {
        this.#refused(problem, file);
      }
    }
    this.find("found").removeAttribute("aria-busy");
    this.find("input").value = "";
    this.#files();
  }

  #refused(problem, file) {
    if (problem.signedOut) signInAgain().then(() => this.#take([file]));
    const told = problem instanceof Problem ? problem : new Problem(400, { code: "FILE_UNREADABLE", message: `${file.name} cannot be read: ${problem.message}` });
    tell(this.problem, told);
  }

  async #sniff(parcel, overrides) {
    const said = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined && value !== ""));
    const body = { filename: parcel.name, sizeBytes: parcel.file.size, headBase64: parcel.ends.head, ...said };
    if (parcel.ends.tail) body.tailBase64 = parcel.ends.tail;
    return (await call("POST", "/v1/datasets/uploads:sniff", body)).sniff;
  }

  #files() {
    this.find("found").replaceChildren(...this.parcels.map((parcel, index) => this.#card(parcel, index)));
    this.find("to-map").disabled = !this.parcels.length;
    this.find("terminal").textContent = `nexus upload ${this.parcels.map((each) => quoted(each.name)).join(" ") || "btc.csv"}`;
    if (this.parcels.length) this.find("to-map").focus();
  }

  #card(parcel, index) {
    const { found, file } = parcel;
    const packed = found.compression ? `, ${found.compression}` : "";
    const needed = Math.round(file.size * 2.2);
    const facts = [["Format", `${FORMATS[found.format] || found.format}${packed}`], ["Size", `${size(file.size)} (${number(file.size)} bytes)`],
      ["Rows", found.rowsEstimate ? `about ${number(found.rowsEstimate)}` : "counted on the server"]];
    if (found.delimiter) facts.push(["Delimiter", DELIMITERS[found.delimiter] || found.delimiter], ["Header", found.header ? "yes, first line" : "none"], ["Encoding", found.encoding || "utf-8"]);
    facts.push(["Looks like", found.kind ? `${found.kind} (${Math.round(found.kindConfidence * 100)} % sure)` : "not clear yet"], ["Disk", `needs about ${size(needed)}, ${size(this.facts.freeBytes)} free`]);
    const short = needed > this.facts.freeBytes ? make("p", { class: "text-bad" }, "There may not be enough room on the server.") : null;
    const remove = make("button", { type: "button", class: "small quiet", "aria-label": `Leave out ${parcel.name}`, onclick: () => this.#drop(index) }, "Leave out");
    return make("article", { class: "panel up-file" }, make("div", { class: "panel-head" }, make("h2", { class: "wrap" }, parcel.name), remove),
      make("dl", { class: "facts" }, facts.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])), short);
  }

  #drop(index) {
    this.parcels.splice(index, 1);
    this.at = 0;
    this.#files();
  }

  #go(step) {
    if (step === "options") this.#keepMapping();
    history.pushState({}, "", this.#address(step));
    this.#show(step);
  }

  #address(step) {
    const url = new URL(location);
    url.searchParams.set("step", step);
    return url;
  }

  #show(wanted, first = false) {
    const step = this.started ? "transfer" : this.parcels.length && STEPS.includes(wanted) && wanted !== "transfer" ? wanted : "file";
    if (step !== wanted && !this.started) history.replaceState({}, "", this.#address(step));
    for (const section of this.querySelectorAll("[data-step]")) section.hidden = section.dataset.step !== step;
    this.querySelectorAll(".stepper > li").forEach((item, index) => {
      item.toggleAttribute("data-done", index < STEPS.indexOf(step));
      if (index === STEPS.indexOf(step)) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    if (step === "map") this.#turnTo(this.at);
    if (step === "options") this.#options();
    if (!first) this.querySelector(`[data-step=${step}] h2`)?.focus();
  }

  #turnTo(index) {
    if (this.mapped !== undefined && this.mapped !== index) this.#keepMapping();
    this.at = index;
    this.mapped = index;
    const which = this.find("which");
    which.replaceChildren(...this.parcels.map((parcel, at) => make("option", { value: at, selected: at === index }, parcel.name)));
    which.closest("label").hidden = this.parcels.length < 2;
    this.mapping.begin(this.current.found, this.current.overrides);
  }

  /** Keep what was said of one file, for it and for the files that have the same columns. */
  #keepMapping() {
    if (this.mapped === undefined || !this.parcels[this.mapped]) return;
    const { found, overrides } = this.mapping;
    const names = (each) => JSON.stringify(each.found.columns.map((column) => column.name));
    const own = this.parcels[this.mapped];
    Object.assign(own, { found, overrides, said: this.mapping.ready ? this.mapping.said() : null });
    for (const other of this.parcels) {
      if (other !== own && own.said && names(other) === names(own) && !Object.keys(other.overrides).length) other.said = own.said;
    }
  }

  #settled(ready) {
    const button = this.find("to-options");
    button.disabled = !ready;
    button.setAttribute("aria-busy", String(!ready && Boolean(this.mapping.waiting)));
  }

  #options() {
    const open = this.parcels.find((each) => !each.said && !each.found.plan);
    if (open) {
      this.at = this.parcels.indexOf(open);
      tell(this.problem, new Problem(422, { code: "MAPPING_INCOMPLETE", message: `${open.name} has open questions.` }));
      this.#go("map");
      return;
    }
    tell(this.problem, null);
    const { plan } = this.current.found;
    const column = plan.columnMapping.symbol;
    const form = this.find("form").elements;
    const many = this.parcels.length > 1;
    form.symbol.disabled = column !== undefined || many;
    if (!form.symbol.value) form.symbol.value = column !== undefined || many ? "" : plan.symbol || this.current.found.symbol || "";
    this.find("symbol-hint").textContent = column !== undefined ? `taken from the column ${column}` : many ? "taken from each file's name" : "the whole file is of one instrument";
    form.candles.disabled = plan.kind === "bars";
    this.find("candles-hint").textContent = plan.kind === "bars" ? "bars need no candles" : "made from the validated rows";
    if (!form.name.value && !many) form.name.value = this.current.name;
    form.name.disabled = many || form.dataset.value !== "";
    const rows = this.parcels.reduce((sum, each) => sum + (each.found.rowsEstimate || 0), 0);
    const seconds = Math.max(2, Math.round(rows / 400000));
    this.find("estimate").textContent = rows ? `About ${number(rows)} rows; validation takes about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}.` : "";
  }

  #body(parcel) {
    const form = this.find("form").elements;
    const said = parcel.said || new Said(parcel).said();
    const candles = said.kind === "bars" ? "" : form.candles.value;
    const then = { validate: form.validate.checked, publish: form.publish.value };
    if (candles && then.validate) then.candles = candles;
    const body = { filename: parcel.name, contentType: parcel.file.type || "application/octet-stream", sizeBytes: parcel.file.size, profile: form.profile.value, then, abortEarly: form.abortEarly.checked, ...said };
    for (const name of ["symbol", "name"]) if (form[name].value.trim() && !form[name].disabled) body[name] = form[name].value.trim();
    for (const name of ["venue", "calendar", "vendor", "assetClass"]) if (form[name].value.trim()) body[name] = form[name].value.trim();
    if (form.dataset.value) body.datasetId = form.dataset.value;
    if (!body.symbol && said.columnMapping.symbol === "" && parcel.found.plan?.symbol) body.symbol = parcel.found.plan.symbol;
    return body;
  }

  async #start() {
    const button = this.find("start");
    button.disabled = true;
    tell(this.problem, null);
    const waiting = this.parcels.filter((each) => !each.opened);
    try {
      for (const parcel of waiting) {
        parcel.key ??= newKey("page-init");
        parcel.opened = await call("POST", "/v1/datasets/uploads:init", this.#body(parcel), { key: parcel.key });
        this.#send(parcel);
      }
    } catch (problem) {
      parcelsAgain(waiting);
      tell(this.problem, problem);
      if (problem.signedOut) signInAgain().then(() => this.#start());
    }
    button.disabled = false;
  }

  #send(parcel) {
    const { opened, file } = parcel;
    const single = this.parcels.length === 1;
    this.started = true;
    history.replaceState({}, "", single ? `/uploads/${opened.uploadId}/` : "/uploads/");
    this.#show("transfer");
    if (single) this.find("resume-line").textContent = `nexus upload --resume ${opened.uploadId} ${quoted(file.name)}`;
    this.find("all").hidden = single;
    const session = { uploadId: opened.uploadId, maxChunk: opened.chunk.maxBytes };
    this.queue.add({ name: parcel.name, datasetId: opened.datasetId, transfer: new Transfer(file, session) });
  }

  #handed() {
    if (this.parcels.length === 1) location.assign(`/uploads/${this.parcels[0].opened.uploadId}/`);
  }
}

/** What a file was found to be, where nobody looked at its mapping. */
class Said extends Mapping {
  constructor(parcel) {
    super(document.createElement("div"), {}, null, () => {});
    this.found = parcel.found;
  }
}

/** A refused body may be sent again changed: under a new key. */
function parcelsAgain(parcels) {
  for (const parcel of parcels) if (!parcel.opened) parcel.key = undefined;
}

customElements.define("nx-upload", Wizard);
