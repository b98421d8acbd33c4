// Menus that close, toasts, failed requests in words, links to share, the shortcuts sheet. No framework, no imports.
const seconds = 6;

// Tabs wider than a phone: the one that is open is in sight.
for (const tab of document.querySelectorAll(".tabs a[aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

/** Show a message: results of one's own actions vanish, failures stay until closed. */
function toast(text, bad = false) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  if (bad) {
    const close = document.createElement("button");
    close.type = "button";
    close.className = "quiet small";
    close.textContent = "Close";
    close.addEventListener("click", () => box.remove());
    box.append(close);
  } else {
    setTimeout(() => box.remove(), seconds * 1000);
  }
  document.getElementById(bad ? "alerts" : "toasts")?.append(box);
}
setTimeout(() => document.querySelectorAll("#toasts [data-passing]").forEach((box) => box.remove()), seconds * 1000);
document.addEventListener("nx:toast", (event) => toast(event.detail.text, event.detail.bad));

/** A part of a page that could not be loaded says so by itself: the others are not touched. */
function failedPart(part, xhr) {
  const words = document.createElement("p");
  words.className = "panel quiet";
  words.textContent = `This part could not be loaded (${xhr.status}, request ${xhr.getResponseHeader("X-Request-Id") ?? "unknown"}).`;
  part.replaceChildren(...(xhr.status === 404 ? [] : [words]));
}

// A failed request is never swapped in: its words become a toast.
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  const to = xhr.getResponseHeader("HX-Redirect");
  if (xhr.status === 401 || to) {
    location.assign(to || `/login/?next=${encodeURIComponent(location.pathname)}`);
    return;
  }
  if (event.detail.elt.closest?.("[data-live], [data-quiet]")) {
    if (event.detail.elt.querySelector(".skeleton")) failedPart(event.detail.elt, xhr);
    return; // nobody asked for it just now: what is shown stays, the badge tells
  }
  const page = new DOMParser().parseFromString(xhr.responseText || "", "text/html");
  const words = page.querySelector("[data-message]")?.textContent || `The server answered ${xhr.status}.`;
  const id = xhr.getResponseHeader("X-Request-Id");
  toast(id ? `${words} (request ${id})` : words, true);
});
document.addEventListener("htmx:sendError", (event) => {
  if (!event.detail.elt.closest?.("[data-live], [data-quiet]")) {
    toast("The server cannot be reached. Nothing was changed; try again.", true);
  }
});

// <details class="pop">: one open at a time, closed by Escape and by a click elsewhere.
const pops = () => document.querySelectorAll("details.pop[open]");
document.addEventListener("click", (event) => {
  for (const pop of pops()) {
    if (!pop.contains(event.target)) pop.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const pop of pops()) {
    pop.open = false;
    pop.querySelector("summary")?.focus();
  }
  document.querySelector(".drawer [data-close]")?.click();
});
document.addEventListener("toggle", (event) => {
  const panel = event.target.open && event.target.matches?.("details.pop") && event.target.querySelector(".pop-panel");
  if (!panel) return;
  panel.style.translate = "";
  const box = panel.getBoundingClientRect();
  if (box.left < 8) panel.style.translate = `${8 - box.left}px 0`;
  if (box.right > innerWidth - 8) panel.style.translate = `${innerWidth - 8 - box.right}px 0`;
}, true);

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-share]")) {
    await navigator.clipboard?.writeText(location.href).then(() => toast("Link copied."), () => toast(location.href));
  }
  if (event.target.closest("[data-shortcuts]")) document.getElementById("shortcuts")?.showModal();
  const ask = event.target.closest("[data-confirm]");
  if (ask && !confirm(ask.dataset.confirm)) event.preventDefault();
}, true);

// What scrolls sideways can be scrolled by key even where nothing inside takes the focus.
function reach() {
  for (const room of document.querySelectorAll(".table-wrap, [data-scrolls], .ds-heat-room")) {
    const scrolls = room.scrollWidth > room.clientWidth + 1 || room.scrollHeight > room.clientHeight + 1;
    if (scrolls && !room.querySelector("a, button, input, select, [tabindex='0']")) room.tabIndex = 0;
  }
}
reach();
addEventListener("resize", reach);
document.addEventListener("htmx:afterSettle", reach);

// Filters apply as they are changed; the button is for those without scripts.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form) form.requestSubmit();
});

// The sheet of filters on a phone is the target of the address: a swap of the list puts it back, Escape closes it.
let sheet = false;
const opened = () => document.querySelector(".sheet:target");
document.addEventListener("htmx:beforeSwap", () => { sheet = Boolean(opened()); });
document.addEventListener("htmx:afterSettle", () => {
  if (sheet && !opened() && document.querySelector(".sheet")) location.replace("#filters");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened()) location.replace("#main");
});
