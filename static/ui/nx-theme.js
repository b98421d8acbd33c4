// <nx-theme> and <nx-zone>: switches in the top bar. The choice is a cookie, so that the server paints it right at once.
const root = document.documentElement;

function keep(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

class Switch extends HTMLElement {
  connectedCallback() {
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.next());
    this.replaceChildren(this.button);
    this.paint();
  }

  get value() {
    return root.dataset[this.name] || this.values[0];
  }

  next() {
    const value = this.values[(this.values.indexOf(this.value) + 1) % this.values.length];
    root.dataset[this.name] = value;
    keep(`nx_${this.name}`, value);
    this.paint();
    document.dispatchEvent(new CustomEvent(`nx:${this.name}`, { detail: value }));
  }
}

class NxTheme extends Switch {
  name = "theme";
  values = ["auto", "light", "dark"];

  paint() {
    const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0] ?? "/static/ui/icons.svg";
    const glyph = { auto: "auto", light: "sun", dark: "moon" }[this.value];
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${sprite}#${glyph}`);
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    svg.append(use);
    this.button.replaceChildren(svg);
    this.button.setAttribute("aria-label", `Theme: ${this.value}`);
    this.button.title = `Theme: ${this.value}`;
  }
}

class NxZone extends Switch {
  name = "zone";
  values = ["utc", "local", "exchange"];

  paint() {
    const word = { utc: "UTC", local: "Local", exchange: "Exchange" }[this.value];
    this.button.textContent = word;
    this.button.setAttribute("aria-label", `Times are shown in: ${word}`);
    this.button.title = "Times are shown in this zone (z)";
  }
}
customElements.define("nx-theme", NxTheme);
customElements.define("nx-zone", NxZone);
