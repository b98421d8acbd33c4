// The keyboard map (the sheet behind `?` lists it). Single keys can be switched off; none has an effect on data.
const on = () => document.documentElement.dataset.keys !== "off";
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open]");
const places = Object.fromEntries([...document.querySelectorAll("#shortcuts [data-go]")].map((dd) => [dd.dataset.key, dd.dataset.go]));
const rows = () => [...document.querySelectorAll("main .table tbody tr")].filter((row) => row.offsetParent);
let waiting = 0;
let anchor = null;

const current = () => document.querySelector("main .table tbody tr.is-current");

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(current());
  const to = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
  current()?.classList.remove("is-current");
  to.classList.add("is-current");
  (to.querySelector("a[href], button") ?? to).focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
}

function select(range) {
  const all = rows();
  const box = (row) => row?.querySelector("input[type=checkbox]");
  const here = current();
  if (!box(here)) return;
  const from = range && anchor ? all.indexOf(anchor) : all.indexOf(here);
  const [low, high] = [from, all.indexOf(here)].sort((a, b) => a - b);
  const value = range ? true : !box(here).checked;
  for (const row of all.slice(low, high + 1)) {
    if (!box(row)) continue;
    box(row).checked = value;
    box(row).dispatchEvent(new Event("change", { bubbles: true }));
  }
  anchor = here;
}

function open(details) {
  if (!details) return;
  details.open = !details.open;
  details.querySelector(details.open ? ".pop-panel a, .pop-panel button, .pop-panel pre" : "summary")?.focus();
}

const acts = {
  "/": () => document.getElementById("search")?.select(),
  "?": () => document.getElementById("shortcuts")?.showModal(),
  j: () => step(1),
  k: () => step(-1),
  x: () => select(false),
  X: () => select(true),
  ".": () => open(current()?.querySelector("details.pop")),
  c: () => open(document.querySelector("main details.copy-as")),
  z: () => document.querySelector("nx-zone button")?.click(),
  Enter: () => current()?.querySelector("a[href]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (!on() || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && event.target.id === "search") event.target.blur();
  if (typing(event.target)) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (Date.now() - waiting < 1500 && places[event.key]) {
    waiting = 0;
    event.preventDefault();
    location.assign(places[event.key]);
    return;
  }
  waiting = event.key === "g" ? Date.now() : 0;
  const act = acts[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
