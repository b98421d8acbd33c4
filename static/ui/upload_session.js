/* One upload: go on with it (the same file, compared with what arrived), hand it over, cancel it, read it again in another
   way, publish what came out. What it shows comes from the server's fragment. */
import { call, csrf, insist, newKey, Problem, signInAgain } from "./upload_api.js";
import { tell } from "./upload_dom.js";
import { difference } from "./upload_file.js";
import { Mapping } from "./upload_map.js";
import { number, pair, size } from "./upload_meter.js";
import { Queue } from "./upload_queue.js";
import { Transfer } from "./upload_transfer.js";

class Session extends HTMLElement {
  connectedCallback() {
    this.facts = JSON.parse(document.getElementById("upload-facts").textContent);
    this.upload = this.getAttribute("upload");
    this.dataset_ = this.getAttribute("dataset");
    this.find = (name) => this.querySelector(`[data-${name}]`);
    this.problem = this.find("problem");
    this.addEventListener("click", (event) => this.#clicked(event));
    for (const name of ["choose", "finish"]) if (this.find(name)) this.find(name).disabled = false; // until now nobody listened
    this.find("input")?.addEventListener("change", (event) => this.#chosen(event.target));
    document.body.addEventListener("htmx:afterSwap", () => this.#looked());
    this.#looked();
  }

  #clicked(event) {
    const verbs = {
      choose: () => this.find("input").click(),
      finish: (button) => this.#act(button, () => this.#finish()),
      cancel: (button) => this.#act(button, () => this.#cancel()),
      validate: (button) => this.#act(button, () => this.#validate({})),
      fix: (button) => this.#act(button, () => this.#mend()),
      rerun: (button) => this.#act(button, () => this.#rerun()),
      publish: (button) => this.#act(button, () => this.#publish(button.dataset.publish, button.dataset.publishKey)),
    };
    const button = event.target.closest("button");
    const verb = button && Object.keys(verbs).find((name) => name in button.dataset);
    if (verb) verbs[verb](button);
  }

  async #act(button, work) {
    button.disabled = true;
    tell(this.problem, null);
    try {
      await work();
    } catch (problem) {
      tell(this.problem, problem);
      if (problem.signedOut) await signInAgain().then(() => tell(this.problem, null));
    }
    button.disabled = false;
  }

  #refresh() {
    window.htmx?.trigger("#outcome", "nx:changed");
  }

  /** Compare the chosen file with what arrived; only the same one goes on. */
  async #chosen(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    tell(this.problem, null);
    const checking = this.find("checking");
    const wanted = Number(this.getAttribute("size"));
    if (file.size !== wanted) return this.#another(`${file.name} has ${number(file.size)} bytes, the upload is of a file with ${number(wanted)}.`);
    try {
      checking.textContent = "Comparing the file with what arrived…";
      const differs = await difference(file, this.upload, (done, total) => {
        checking.textContent = `Comparing the file with what arrived: ${pair(done, total)}`;
      });
      checking.textContent = "";
      if (differs) return this.#another(`${file.name} differs from what was sent, between byte ${number(differs.start)} and ${number(differs.end)}.`);
      this.#send(file);
    } catch (problem) {
      checking.textContent = "";
      if (problem.signedOut) return signInAgain().then(() => this.#chosen({ files: [file] }));
      tell(this.problem, problem instanceof Problem ? problem : new Problem(400, { code: "FILE_UNREADABLE", message: `${file.name} cannot be read: ${problem.message}` }));
    }
  }

  #another(message) {
    const problem = new Problem(409, { code: "ANOTHER_FILE", message: `This is another file. ${message}` });
    problem.advice = "Nothing was sent and the upload is kept: choose the file it was begun with.";
    tell(this.problem, problem);
  }

  #send(file) {
    this.find("resume").hidden = true;
    this.classList.add("is-sending");
    this.queue ??= new Queue(this.find("queue"), this.find("spoken"), () => location.reload());
    const session = { uploadId: this.upload, maxChunk: 64 << 20 };
    this.queue.add({ name: this.getAttribute("name"), datasetId: this.dataset_, transfer: new Transfer(file, session) });
  }

  async #finish() {
    const body = { uploadToken: this.upload };
    await insist("POST", `/v1/datasets/${this.dataset_}/uploads:complete`, body, { key: newKey("page-complete") });
    location.reload();
  }

  async #cancel() {
    const whole = Number(this.getAttribute("size"));
    if (!confirm(`Cancel this upload? What was sent${whole ? ` (of ${size(whole)})` : ""} is thrown away.`)) return;
    const headers = { "X-CSRFToken": csrf(), "Tus-Resumable": "1.0.0" };
    const answer = await fetch(`/v1/uploads/${this.upload}`, { method: "DELETE", headers });
    if (!answer.ok && answer.status !== 410) {
      const told = await answer.json().catch(() => ({}));
      throw new Problem(answer.status, told.error, told.requestId);
    }
    location.assign("/uploads/");
  }

  async #validate(said) {
    const body = { version: this.facts.version, ...said };
    await insist("POST", `/v1/datasets/${this.dataset_}/validate`, body, { key: newKey("page-validate") });
    this.#refresh();
  }

  async #mend() {
    const place = this.find("mend");
    const { said } = this.facts;
    const kept = Object.fromEntries(["kind", "columnMapping", "timezone", "timestampUnit", "dateOrder", "sideRule", "symbol", "venue"].filter((name) => said[name]).map((name) => [name, said[name]]));
    this.mapping = new Mapping(place, this.facts.targets, (changes) => this.#sniff(changes), (ready) => (this.find("rerun").disabled = !ready));
    this.mapping.begin(await this.#sniff(kept), kept);
    this.find("symbol").value = said.symbol || "";
    place.hidden = false;
    place.querySelector("h2").focus();
  }

  async #sniff(said) {
    const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined && value !== ""));
    return (await call("POST", `/uploads/${this.upload}/sniff/`, given)).sniff;
  }

  async #rerun() {
    const said = this.mapping.said();
    const mapping = Object.fromEntries(Object.entries(said.columnMapping).map(([target, column]) => [target, String(column)]));
    const symbol = this.find("symbol").value.trim();
    await this.#validate({ ...said, columnMapping: mapping, ...(symbol ? { symbol } : {}) });
    this.find("mend").hidden = true;
    document.getElementById("outcome").scrollIntoView();
  }

  async #publish(version, key) {
    const body = { version: Number(version), mode: "explicit" };
    await insist("POST", `/v1/datasets/${this.dataset_}/publish/lona`, body, { key: `page-publish-${key}` });
    this.#refresh();
  }

  /** After each look at the server: publish when that was asked for and its time has come. */
  #looked() {
    const outcome = document.getElementById("outcome");
    const { publishNow, publishKey } = outcome?.dataset ?? {};
    if (publishNow && this.published !== publishKey) {
      this.published = publishKey;
      this.#publish(publishNow, publishKey).catch((problem) => tell(this.problem, problem));
    }
  }
}

customElements.define("nx-upload-session", Session);
