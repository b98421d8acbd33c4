// <nx-time datetime ns?>: an instant in the reader's zone (UTC, local, exchange); a popover tells it in all of them.
const exchange = () => cookie("nx_exchange") || "America/New_York";
const cookie = (name) => decodeURIComponent(document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1] ?? "");
const formats = new Map();

function parts(date, zone) {
  const key = zone ?? "local";
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit",
      minute: "2-digit", second: "2-digit", timeZoneName: "longOffset",
    }));
  }
  return Object.fromEntries(formats.get(key).formatToParts(date).map((part) => [part.type, part.value]));
}

/** `2026-11-20 15:03:11.5+01:00`; the digits below a second come from the text, a Date would lose them. */
export function inZone(iso, zone) {
  const fraction = iso.match(/\.\d+/)?.[0] ?? "";
  const p = parts(new Date(iso), zone);
  const offset = p.timeZoneName.replace("GMT", "") || "Z";
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}${fraction}${offset}`;
}

function ago(iso) {
  const s = Math.round((Date.now() - new Date(iso)) / 1000);
  const size = Math.abs(s);
  const text = size < 60 ? `${size} s` : size < 3600 ? `${Math.floor(size / 60)} min`
    : size < 86400 ? `${Math.floor(size / 3600)} h` : `${Math.floor(size / 86400)} d`;
  return s < 0 ? `in ${text}` : `${text} ago`;
}

class NxTime extends HTMLElement {
  connectedCallback() {
    this.plain ??= this.querySelector("time")?.textContent ?? this.textContent;
    if (!this.closest("table, a, button, summary")) this.tabIndex = 0;
    this.show();
    for (const on of ["mouseenter", "focus"]) this.addEventListener(on, () => this.open());
    for (const off of ["mouseleave", "blur"]) this.addEventListener(off, () => this.tip?.remove());
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.tip?.remove());
  }

  show() {
    const iso = this.getAttribute("datetime");
    const zone = document.documentElement.dataset.zone;
    const target = this.querySelector("time") ?? this;
    if (zone === "utc" || this.hasAttribute("day")) target.textContent = this.plain;
    else target.textContent = inZone(iso, zone === "exchange" ? this.exchange() : undefined);
  }

  exchange() {
    return this.closest("[data-exchange-zone]")?.dataset.exchangeZone || exchange();
  }

  open() {
    this.tip?.remove();
    const iso = this.getAttribute("datetime");
    const ns = this.getAttribute("ns") ?? `${BigInt(new Date(iso).getTime()) * 1000000n}`;
    const rows = [["UTC", inZone(iso, "UTC")], ["Local", inZone(iso)],
      [this.exchange(), inZone(iso, this.exchange())], ["Epoch ns", ns], ["", ago(iso)]];
    this.tip = document.createElement("div");
    this.tip.className = "tip facts";
    this.tip.setAttribute("role", "tooltip");
    for (const [name, text] of rows) {
      const dt = document.createElement("span");
      const dd = document.createElement("span");
      dt.className = "quiet";
      dt.textContent = name;
      dd.textContent = text;
      this.tip.append(dt, dd);
    }
    document.body.append(this.tip); // outside of tables that scroll
    const box = this.getBoundingClientRect();
    this.tip.style.position = "fixed";
    this.tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - this.tip.offsetWidth - 8))}px`;
    const below = box.bottom + 4 + this.tip.offsetHeight < innerHeight;
    this.tip.style.top = `${below ? box.bottom + 4 : box.top - this.tip.offsetHeight - 4}px`;
  }

  disconnectedCallback() {
    this.tip?.remove();
  }
}
customElements.define("nx-time", NxTime);
document.addEventListener("nx:zone", () => document.querySelectorAll("nx-time").forEach((time) => time.show()));
