/* Sends one file by tus-js-client: chunks that grow and shrink with the line, pause, resume, cancel; a cut line, a
   restarting server and a sign-out are waited for. Events: `change` (look at state, words, meter). The server's offset is
   the truth: every attempt begins with HEAD. */
import { csrf, Problem } from "./upload_api.js";
import { Meter, size } from "./upload_meter.js";

const SMALLEST = 1 << 20;
const FIRST = 8 << 20;
const DELAYS_MS = [500, 1000, 2000, 4000, 8000, 10000];
const SILENT_MS = 30000;

export class Transfer extends EventTarget {
  /** `session` is {uploadId, sizeBytes, maxChunk}. */
  constructor(file, session) {
    super();
    this.file = file;
    this.uploadId = session.uploadId;
    this.most = session.maxChunk || 64 << 20;
    this.chunk = Math.min(FIRST, this.most);
    this.meter = new Meter(file.size);
    this.state = "waiting"; // waiting sending paused offline retrying signed-out failed sent cancelled
    this.note = "";
    this.problem = null;
    this.attempt = 0;
    this.online = () => this.state === "offline" && this.start();
    this.offline = () => this.state === "sending" && this.#rest("offline");
    window.addEventListener("online", this.online);
    window.addEventListener("offline", this.offline);
  }

  get running() {
    return this.state === "sending" || this.state === "retrying";
  }

  /** Begin, or go on after a pause. */
  async start() {
    clearTimeout(this.again);
    this.problem = null;
    this.#turn("sending");
    this.fresh = true;
    this.heard = performance.now();
    this.watch ??= setInterval(() => this.#look(), 1000);
    await this.tus?.abort();
    this.tus = new window.tus.Upload(this.file, {
      uploadUrl: `/v1/uploads/${this.uploadId}`,
      chunkSize: this.chunk,
      retryDelays: DELAYS_MS,
      storeFingerprintForResuming: false,
      onBeforeRequest: (request) => request.setHeader("X-CSRFToken", csrf()),
      onProgress: (sent) => this.#progress(sent),
      onChunkComplete: (bytes) => this.#chunkDone(bytes),
      onShouldRetry: (error) => this.#mayRetry(error),
      onError: (error) => this.#failed(error),
      onSuccess: () => this.#sent(),
    });
    this.tus.start();
  }

  /** Stop sending; what arrived stays. */
  async pause() {
    await this.#rest("paused");
  }

  /** Stop for good and give the server's room back. */
  async cancel() {
    await this.#rest("cancelled");
    this.#close();
    try {
      await window.tus.Upload.terminate(`/v1/uploads/${this.uploadId}`, {
        retryDelays: DELAYS_MS,
        onBeforeRequest: (request) => request.setHeader("X-CSRFToken", csrf()),
      });
    } catch (error) {
      this.#turn("failed", problemOf(error).message);
    }
  }

  /** What a person reads beside the bar. */
  words(now = performance.now()) {
    const amount = this.meter.words(now);
    const said = {
      waiting: "Waiting for its turn",
      sending: `Uploading ${amount}`,
      paused: `Paused at ${amount}`,
      offline: `Offline at ${amount}; goes on by itself when the network is back`,
      retrying: `${this.note} - ${amount}`,
      "signed-out": `Signed out at ${amount}; what was sent is kept`,
      failed: this.note,
      sent: `All ${size(this.file.size)} sent`,
      cancelled: "Cancelled",
    };
    return said[this.state];
  }

  #progress(sent) {
    const now = performance.now();
    if (this.fresh) this.meter.restart(sent, now);
    this.fresh = false;
    this.heard = now;
    this.meter.advance(sent, now);
    if (this.state === "retrying") this.#turn("sending");
    else this.#tell();
  }

  #chunkDone(bytes) {
    const now = performance.now();
    const seconds = (now - (this.chunkAt ?? now)) / 1000;
    this.chunkAt = now;
    this.attempt = 0;
    this.heard = now;
    if (bytes >= this.chunk && seconds > 0 && seconds < 3) this.#resize(this.chunk * 2);
    else if (seconds > 30) this.#resize(this.chunk / 2);
  }

  #resize(bytes) {
    this.chunk = Math.max(SMALLEST, Math.min(this.most, Math.floor(bytes)));
    this.tus.options.chunkSize = this.chunk;
  }

  #mayRetry(error) {
    const status = error.originalResponse?.getStatus() ?? 0;
    this.attempt += 1;
    this.chunkAt = undefined;
    this.fresh = true; // the rate is measured anew
    if (status === 413 && !ours(error) && this.chunk > SMALLEST) {
      this.#resize(this.chunk / 2);
      this.#turn("retrying", `A proxy on the way refuses large requests (its client_max_body_size); sending ${size(this.chunk)} at a time`);
      return true;
    }
    const passing = status === 0 || status >= 500 || [408, 409, 423, 425, 429].includes(status);
    if (passing && !navigator.onLine) return false;
    if (passing) {
      const why = status === 409 ? "Asking the server where to go on" : status === 423 ? "Another window is sending this file" : "The line broke";
      this.#turn("retrying", `${why}, retrying (${Math.min(this.attempt, DELAYS_MS.length)} of ${DELAYS_MS.length})`);
    }
    return passing;
  }

  #failed(error) {
    const problem = problemOf(error);
    const status = problem.status;
    if (["paused", "cancelled"].includes(this.state)) return;
    if (!navigator.onLine) this.#turn("offline");
    else if (problem.signedOut) this.#turn("signed-out");
    else if (status === 0 || status >= 500 || status === 423 || status === 429) {
      this.#turn("retrying", "The server is not reached, trying again every 10 s");
      this.again = setTimeout(() => this.state === "retrying" && this.start(), 10000);
    } else {
      const gone = (status === 404 || status === 410) && !ours(error); // a HEAD has no body to say more
      this.problem = problem;
      this.#turn("failed", gone ? "The server no longer has this upload: it was cancelled or it expired. Start it again." : problem.message);
    }
  }

  #look() {
    if (this.state === "sending" && performance.now() - this.heard > SILENT_MS) {
      this.attempt = (this.attempt % DELAYS_MS.length) + 1;
      const note = `Stalled, retrying (${this.attempt} of ${DELAYS_MS.length})`;
      this.start().then(() => this.#turn("retrying", note));
    } else this.#tell();
  }

  async #rest(state) {
    clearTimeout(this.again);
    this.chunkAt = undefined;
    this.#turn(state);
    await this.tus?.abort();
  }

  #sent() {
    this.meter.shown = this.file.size;
    this.#close();
    this.#turn("sent");
  }

  #close() {
    clearInterval(this.watch);
    window.removeEventListener("online", this.online);
    window.removeEventListener("offline", this.offline);
  }

  #turn(state, note = "") {
    this.state = state;
    this.note = note;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

function envelope(error) {
  try {
    return JSON.parse(error.originalResponse?.getBody() || "{}");
  } catch {
    return {};
  }
}

function ours(error) {
  return Boolean(envelope(error).error?.code);
}

function problemOf(error) {
  const told = envelope(error);
  return new Problem(error.originalResponse?.getStatus() ?? 0, told.error, told.requestId);
}
