/* The page's calls of /v1: session, CSRF token, Idempotency-Key; a refusal becomes a Problem in words. */

/** What the API refused, or that it could not be reached (status 0). */
export class Problem extends Error {
  constructor(status, error = {}, requestId = "") {
    super(error.message || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.code = error.code || (status ? `HTTP_${status}` : "UNREACHABLE");
    this.details = error.details || {};
    this.requestId = requestId;
    this.advice = adviceFor(this);
  }

  get signedOut() {
    return this.status === 401 || this.code === "CSRF_FAILED";
  }
}

function adviceFor(problem) {
  if (problem.status === 0) return "Nothing is lost. Check the connection and try again.";
  if (problem.status === 401) return "You were signed out. Sign in again; what was sent is kept.";
  if (problem.code === "QUOTA_EXCEEDED") return "Archive datasets you no longer need, or ask an admin for more room.";
  if (problem.code === "STORAGE_FULL" || problem.code === "DISK_FULL") return "The server's disk is full. What was sent is kept; go on when there is room.";
  return "";
}

/** Return the CSRF token as it is now (it changes at sign-in). */
export function csrf() {
  const cookie = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  if (cookie) return decodeURIComponent(cookie.slice(10));
  return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
}

/** Call the API and return its JSON; throws Problem. `key` makes a POST happen once however often it is sent. */
export async function call(method, path, body, { key, signal } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  if (answer.status === 204) return {};
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, told.error, told.requestId);
  return told;
}

/** Call again while the server is away or in trouble, at growing intervals; for calls that carry a key. */
export async function insist(method, path, body, extra = {}, attempts = 8) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(method, path, body, extra);
    } catch (problem) {
      const passing = problem instanceof Problem && (problem.status === 0 || problem.status >= 500 || problem.status === 429);
      if (!passing || attempt === attempts) throw problem;
      await new Promise((resolve) => setTimeout(resolve, Math.min(500 * 2 ** attempt, 10000)));
    }
  }
}

/** Return a new key for a POST (`crypto.randomUUID` exists in secure contexts only). */
export function newKey(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `${prefix}-${Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("")}`;
}

/** Open the sign-in page beside this one and resolve once the session works again; nothing here is lost. */
export async function signInAgain() {
  const beside = window.open("/login/?next=/uploads/", "nx-sign-in", "popup,width=520,height=680");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const known = await call("GET", "/v1/me").then(() => true, () => false);
    if (known) {
      beside?.close();
      return;
    }
  }
}
